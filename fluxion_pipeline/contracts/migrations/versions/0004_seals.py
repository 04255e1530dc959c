"""What lets PostgreSQL prove that nobody touched a slice, and the ledger of what parity has proven.

A ledger line without a seal proves nothing: its slice is read back, as it always was.
"""

from __future__ import annotations

from fluxion_pipeline.contracts.migrations.ddl import L, T, Z, add_columns, create_table, optional, required

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the seal to the ledger's lines, and create the tables of proofs."""
    add_columns("lotes_aplicados", optional("servidor", T), optional("marca", L), optional("transaccion", L))
    create_table(
        "pruebas",
        required("tabla", T),
        required("id", T),
        required("servidor", T),
        required("motor", T),
        required("marca", L),
        required("probado_en", Z),
        key=("tabla",),
    )
    create_table(
        "pruebas_slices",
        required("tabla", T),
        required("slice", T),
        required("version", L),
        required("filas", L),
        required("suma", T),
        required("comparado_en", Z),
        key=("tabla", "slice"),
    )
