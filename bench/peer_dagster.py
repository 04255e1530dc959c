"""Stock Dagster, as its documentation shows it; run in an environment of its own, never imported.

One asset reads the stores' files with pandas and goes to DuckDB through the official pandas IO
manager, the other writes the same frame to PostgreSQL with ``to_sql``. No keys, no rejects, no parity.
Arguments: the source's folder, the tick, the DuckDB file, PostgreSQL's address.
"""

from __future__ import annotations

import sys
from pathlib import Path

import dagster as dg
import pandas as pd
import sqlalchemy as sa
from dagster_duckdb_pandas import DuckDBPandasIOManager

SOURCE, TICK, DUCKDB_FILE, ADDRESS = sys.argv[1:]


@dg.asset
def inventario_actual() -> pd.DataFrame:
    """The stock of all locations at the tick."""
    frames = []
    for file in sorted((Path(SOURCE) / "inventario").glob(f"*/{TICK}.csv")):
        frame = pd.read_csv(file, dtype={"codigo_producto": str})
        frame.insert(0, "ubicacion", file.parent.name)
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


@dg.asset(io_manager_key="nothing")
def inventario_actual_postgresql(inventario_actual: pd.DataFrame) -> int:
    """The same rows in PostgreSQL."""
    engine = sa.create_engine(ADDRESS)
    with engine.begin() as connection:
        inventario_actual.to_sql("inventario_actual", connection, if_exists="replace", index=False, chunksize=50_000)
    return len(inventario_actual)


outcome = dg.materialize(
    [inventario_actual, inventario_actual_postgresql],
    resources={"io_manager": DuckDBPandasIOManager(database=DUCKDB_FILE, schema="main"), "nothing": dg.mem_io_manager},
)
print(outcome.output_for_node("inventario_actual_postgresql"))
