"""The stock of any instant: `stock_en(instante)` and `stock_en(instante, ubicacion)` on both engines."""

from __future__ import annotations

from fluxion_pipeline.contracts.migrations import ddl

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Functions on PostgreSQL, table macros on DuckDB."""
    ddl.run_file("0003_stock_en_postgresql.sql" if ddl.on_postgresql() else "0003_stock_en_duckdb.sql")
