"""What each attempt came to, when a reject was first and last seen, and the log of a sink's writes.

Rows that are there tell one attempt: the reading that stands. A reject was seen when the reading of
its slice began.
"""

from __future__ import annotations

from fluxion_pipeline.contracts.migrations import ddl
from fluxion_pipeline.contracts.migrations.ddl import F, I, L, T, Z, add_columns, create_index, create_table, optional, required

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the columns, fill them from what the rows say, and create the log."""
    add_columns(
        "cobertura",
        optional("verificado_en", Z),
        optional("ultimo_intento", Z),
        optional("ultimo_resultado", T),
        optional("intentos", I),
        optional("segundos", F),
        optional("motivo", T),
    )
    ddl.run("UPDATE cobertura SET verificado_en = leido_en, ultimo_intento = leido_en, ultimo_resultado = resultado, intentos = 1")
    add_columns("rechazos", optional("primera_vez", Z), optional("ultima_vez", Z))
    ddl.run(
        "UPDATE rechazos SET primera_vez = c.leido_en, ultima_vez = c.leido_en FROM cobertura AS c "
        "WHERE c.tabla = rechazos.tabla AND c.ubicacion_codigo = rechazos.ubicacion_codigo AND c.corte = rechazos.corte"
    )
    create_table(
        "lotes_registro",
        required("id", T),
        optional("run_id", T),
        required("tabla", T),
        required("ubicaciones", I),
        required("slices", I),
        required("insertadas", L),
        required("cambiadas", L),
        required("borradas", L),
        required("iguales", L),
        required("segundos", F),
        required("aplicado_en", Z),
        key=("id",),
    )
    create_index("lotes_registro", "aplicado_en")
