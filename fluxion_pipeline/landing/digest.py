"""The canonical digest of rows in Arrow: the same number as ``contracts.sqltext.digest_duckdb``, without a database.

Landing measures many tables of a few rows; a statement over each would cost more than all else.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from hashlib import md5

import pyarrow as pa
import pyarrow.compute as pc


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
