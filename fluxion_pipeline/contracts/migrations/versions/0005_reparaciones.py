"""Repairs: who asked for one, what it copied from where, and what it wrote."""

from __future__ import annotations

from fluxion_pipeline.contracts.migrations.ddl import B, I, T, Z, create_table, optional, required

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Create the table."""
    create_table(
        "reparaciones",
        required("id", T),
        required("destino", T),
        required("tabla", T),
        required("origen", T),
        required("pedida_por", T),
        required("pedida_en", Z),
        required("forzada", B),
        required("probada", B),
        required("slices", T),
        required("insertadas", I),
        required("cambiadas", I),
        required("borradas", I),
        optional("filas_antes", I),
        optional("huella_antes", T),
        optional("filas_despues", I),
        optional("huella_despues", T),
        key=("id", "destino"),
    )
