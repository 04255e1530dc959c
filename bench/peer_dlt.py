"""dlt, loading the stores' files into both databases by ``merge``; run in an environment of its own, never imported.

A destination is a pipeline of its own in dlt, so the files are read once for each. Rows come as Arrow
tables, dlt's quickest way in; upsert by key. No rejects, no deletes, no parity.
Arguments: the source's folder, the tick, the DuckDB file, PostgreSQL's address.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import dlt
import pyarrow as pa
import pyarrow.csv as pc

SOURCE, TICK, DUCKDB_FILE, ADDRESS = sys.argv[1:]

os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
KEY = ["ubicacion", "codigo_producto"]


def stock(counted: list[int]) -> Iterator[pa.Table]:
    """The stock of all locations at the tick; the rows of each file are added to ``counted``."""
    for file in sorted((Path(SOURCE) / "inventario").glob(f"*/{TICK}.csv")):
        read = pc.read_csv(file, convert_options=pc.ConvertOptions(column_types={"codigo_producto": pa.string(), "stock": pa.decimal128(18, 4)}))
        counted.append(read.num_rows)
        yield read.add_column(0, "ubicacion", pa.array([file.parent.name] * read.num_rows))


rows: list[int] = []
for name, destination in (("duckdb", dlt.destinations.duckdb(DUCKDB_FILE)), ("postgres", dlt.destinations.postgres(ADDRESS))):
    rows.clear()
    pipeline = dlt.pipeline(f"bench_{name}", pipelines_dir=str(Path(DUCKDB_FILE).parent / "dlt"), destination=destination, dataset_name="tienda")
    merged = dlt.resource(stock(rows), name="inventario_actual", primary_key=KEY, write_disposition={"disposition": "merge", "strategy": "upsert"})
    pipeline.run(merged).raise_on_failed_jobs()
print(sum(rows))
