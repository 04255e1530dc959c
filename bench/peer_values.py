"""pandas and ``execute_values``, the way that is usually written by hand; run in the peers' environment, never imported.

The stores' files go through pandas into a DuckDB table that is replaced, and into PostgreSQL by
``INSERT … ON CONFLICT DO UPDATE`` in pages. Values are floats; no rejects, no deletes, no parity.
Arguments: the source's folder, the tick, the DuckDB file, PostgreSQL's address.
"""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb
import pandas as pd
import psycopg2
from psycopg2.extras import execute_values

SOURCE, TICK, DUCKDB_FILE, ADDRESS = sys.argv[1:]

frames = []
for file in sorted((Path(SOURCE) / "inventario").glob(f"*/{TICK}.csv")):
    frame = pd.read_csv(file, dtype={"codigo_producto": str})
    frame.insert(0, "ubicacion", file.parent.name)
    frames.append(frame)
stock = pd.concat(frames, ignore_index=True)

with duckdb.connect(DUCKDB_FILE) as duck:
    duck.execute("CREATE OR REPLACE TABLE inventario_actual AS SELECT * FROM stock")

names = list(stock.columns)
with psycopg2.connect(ADDRESS) as connection, connection.cursor() as cursor:
    cursor.execute(
        "CREATE TABLE IF NOT EXISTS inventario_actual (ubicacion text, codigo_producto text, descripcion_producto text, categoria_producto text,"
        " marca text, stock float8, PRIMARY KEY (ubicacion, codigo_producto))"
    )
    sets = ", ".join(f"{n} = excluded.{n}" for n in names[2:])
    upsert = f"INSERT INTO inventario_actual ({', '.join(names)}) VALUES %s ON CONFLICT (ubicacion, codigo_producto) DO UPDATE SET {sets}"
    execute_values(cursor, upsert, stock.itertuples(index=False, name=None), page_size=10_000)
print(len(stock))
