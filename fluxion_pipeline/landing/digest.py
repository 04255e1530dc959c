"""The canonical digest of rows: the same number as ``contracts.sqltext.digest_duckdb``, with or without a database.

Landing measures many tables of a few rows, where a statement over each would cost more than all else,
and some of tens of thousands, where DuckDB needs half of the time.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from hashlib import md5

import pyarrow as pa
import pyarrow.compute as pc

from fluxion_pipeline.contracts.rules.judge import connection
from fluxion_pipeline.contracts.sqltext import digest_duckdb
from fluxion_pipeline.contracts.tables import TableSpec

MANY = 3000
"""From so many rows on DuckDB is asked."""


def digests(rows: pa.Table, table: TableSpec, *names: Iterable[str]) -> list[str]:
    """The digest of the rows over each of some lists of the table's columns.

    Args:
        rows: Arrow columns with the table's names and types.
        table: the table of the contract.
        names: the lists; an empty one is not allowed.
    """
    if rows.num_rows < MANY:
        return [digest(canonical(rows, some)) for some in names]
    con = connection()
    con.register("_medidas", rows)
    try:
        row = con.execute(f"SELECT {', '.join(digest_duckdb(table, some) for some in names)} FROM _medidas").fetchall()[0]  # noqa: S608 quoted names
    finally:
        con.unregister("_medidas")
    return [str(value) for value in row]


def canonical(rows: pa.Table, names: Iterable[str]) -> list[str]:
    """The canonical text of each row: its columns' texts, joined by ``|``."""
    parts = [_text(rows.column(name)) for name in names]
    return list(pc.binary_join_element_wise(*parts, "|").to_pylist())


def digest(texts: Iterable[str]) -> str:
    """The sum over rows of the first 64 bits of the md5 of their canonical text."""
    data = b"".join([md5(t.encode(), usedforsecurity=False).digest()[:8] for t in texts])
    return str(sum(struct.unpack(f">{len(data) // 8}q", data)))


def _text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = column.type
    if pa.types.is_string(kind):
        escaped = pc.replace_substring(pc.replace_substring(column, "\\", "\\\\"), "|", "\\|")
        return pc.fill_null(escaped, "\\N")
    if pa.types.is_timestamp(kind):
        column = column.cast(pa.timestamp("us", tz=kind.tz)).cast(pa.int64())
    return pc.fill_null(column.cast(pa.string()), "\\N")
