"""Several lists of products as one: who describes a product when several do."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from fluxion_pipeline.contracts.outcomes import Fact
from fluxion_pipeline.contracts.rows import row_schema
from fluxion_pipeline.contracts.rules.judge import connection


def merged(lists: Sequence[pa.Table]) -> pa.Table:
    """One row for each product: the first list that has it describes it, later ones fill its gaps."""
    schema = row_schema(Fact.CATALOGO)
    rows = pa.concat_tables([table.append_column("place", pa.repeat(pa.scalar(i, pa.int32()), table.num_rows)) for i, table in enumerate(lists)])
    # arg_min passes over NULLs: the first store that says anything
    firsts = ", ".join(f'arg_min("{name}", place) AS "{name}"' for name in schema.names if name != "codigo")
    con = connection()
    con.register("lists", rows)
    try:
        return con.sql(f"SELECT codigo, {firsts} FROM lists GROUP BY codigo ORDER BY codigo").to_arrow_table().select(schema.names).cast(schema)  # noqa: S608 names of the contract
    finally:
        con.unregister("lists")
