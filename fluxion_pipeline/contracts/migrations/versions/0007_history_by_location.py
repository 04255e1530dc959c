"""The history's key leads from the tick to the location: one index finds a location's rows of a tick, and they lie together.

`stock_en` of one location looks up each of its ticks by that key, whatever version PostgreSQL has. The index by location
and tick, which wrote a page of its own for each location and tick, is gone; summaries of a few bytes stand in for it. Rows
that are there keep their places in the table, new ones lie by location.
"""

from __future__ import annotations

from fluxion_pipeline.contracts.migrations import ddl

revision = "0007"
down_revision = "0006"

TABLE = "inventario_historico"


def upgrade() -> None:
    """Build the key anew and replace the indexes and the function on PostgreSQL, about two minutes for a year of history; nothing on DuckDB."""
    ddl.take_time()
    ddl.replace_key(TABLE, "capturado_en", "ubicacion_codigo", "producto_codigo", "almacen_codigo")
    ddl.drop_index(TABLE, "ubicacion_codigo")
    ddl.create_range_index(TABLE, "ubicacion_codigo")
    ddl.drop_index(TABLE, "producto_codigo")
    ddl.create_bloom_index(TABLE, "producto_codigo", distinct=400)
    if ddl.on_postgresql():
        ddl.run_file("0007_stock_en_postgresql.sql")
