"""From a slice's text to the values of its columns: what a sink looks its rows up by."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import duckdb
import sqlalchemy as sa

from fluxion_pipeline.contracts.clock import parse_day, parse_tick
from fluxion_pipeline.contracts.own_tables import PLACE
from fluxion_pipeline.contracts.sqltext import quote
from fluxion_pipeline.contracts.tables import SPECS, TableSpec
from fluxion_pipeline.landing.index import Image

if TYPE_CHECKING:
    import pyarrow as pa

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def values(table: TableSpec, slice_: str) -> tuple[Any, ...]:
    """The values of a slice's columns; empty for a table that is one slice."""
    columns = table.slice_columns
    if not columns:
        return ()
    parts = slice_.rsplit("/", len(columns) - 1) if table.name not in ("cobertura", "rechazos") else slice_.split("/", len(columns) - 1)
    return tuple(_value(table.table.columns[c].type, p) for c, p in zip(columns, parts, strict=True))


def _value(kind: Any, text: str) -> Any:
    if isinstance(kind, sa.DateTime):
        return parse_tick(text)
    return parse_day(text) if isinstance(kind, sa.Date) else text


def owner(table: str, slice_: str) -> str:
    """The location whose landing owns a slice; a slice that nobody landed must be empty."""
    if table not in SPECS:
        return PLACE + table
    columns = SPECS[table].slice_columns
    if not columns:
        return "*"
    return slice_.split("/", 2)[1] if columns[0] == "tabla" else slice_.rsplit("/", len(columns) - 1)[0]


def relation(table: TableSpec, images: Sequence[Image]) -> pa.Table:
    """The slices as an Arrow table: ``slice``, ``file`` and the slice columns of each image."""
    import pyarrow as pa

    from fluxion_pipeline.sources.protocol import arrow_type

    fields = [("slice", pa.string()), ("file", pa.string()), *[(c, arrow_type(table, c)) for c in table.slice_columns]]
    rows = [(i.slice, str(i.file), *values(table, i.slice)) for i in images]
    arrays = [_array([r[n] for r in rows], type_) for n, (_, type_) in enumerate(fields)]
    return pa.table(arrays, schema=pa.schema(fields))


def _array(given: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """What ``pa.array`` makes, which the first time loads pandas and so takes half a second: most of what a small proof or lote costs."""
    import pyarrow as pa

    if pa.types.is_string(kind):
        texts = [text.encode() for text in given]
        offsets = array("i", accumulate(map(len, texts), initial=0))
        return pa.StringArray.from_buffers(len(texts), pa.py_buffer(offsets), pa.py_buffer(b"".join(texts)))
    if pa.types.is_date32(kind):
        return _numbers(kind, array("i", [(day - EPOCH.date()).days for day in given]))
    if pa.types.is_timestamp(kind) and kind.unit == "us":
        return _numbers(kind, array("q", [(at - EPOCH) // timedelta(microseconds=1) for at in given]))
    return pa.array(given, kind)


def _numbers(kind: pa.DataType, values: array[int]) -> pa.Array:
    import pyarrow as pa

    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(values)])


@contextmanager
def laid_out(con: duckdb.DuckDBPyConnection, images: Sequence[Image]) -> Iterator[None]:
    """``slice`` and ``file`` of each image in ``_slices``, while the block lasts; without Arrow, for which a proof needn't wait."""
    given = [[i.slice for i in images], [str(i.file) for i in images]]
    con.execute("CREATE OR REPLACE TEMP TABLE _slices AS SELECT unnest(?::VARCHAR[]) AS slice, unnest(?::VARCHAR[]) AS file", given)
    yield
    con.execute("DROP TABLE _slices")  # not after an error: the transaction takes no more statements then


def match(table: TableSpec, row: str, slice_: str) -> str:
    """SQL condition: a row lies in a slice. Ticks are minutes: whatever lies within one belongs to its slice.

    Args:
        table: the table.
        row: alias of the table's rows.
        slice_: alias of the slices, whose columns have the same names.
    """
    if not table.slice_columns:
        return "true"
    parts = []
    for name in table.slice_columns:
        mine, theirs = f"{row}.{quote(name)}", f"{slice_}.{quote(name)}"
        if isinstance(table.table.columns[name].type, sa.DateTime):
            parts.append(f"{mine} >= {theirs} AND {mine} < {theirs} + INTERVAL '1 minute'")
        else:
            parts.append(f"{mine} = {theirs}")
    return " AND ".join(parts)


def span(table: TableSpec, images: Sequence[Image], row: str) -> str:
    """DuckDB condition that rows of the slices fulfil, and few others: the dates or instants between which they lie.

    A join with the slices looks at every row of the table; this looks at the blocks of those times only.
    """
    name = table.month_column
    if name is None or not images:
        return "true"
    place = table.slice_columns.index(name)
    times = [values(table, i.slice)[place] for i in images]
    kind, more = ("TIMESTAMPTZ", " + INTERVAL '1 minute'") if isinstance(times[0], datetime) else ("DATE", "")
    return f"{row}.{quote(name)} >= {kind} '{min(times).isoformat()}' AND {row}.{quote(name)} <= {kind} '{max(times).isoformat()}'{more}"


def strays_possible(table: TableSpec) -> bool:
    """Whether a row's key leaves its slice open: such a row, moved to another slice by hand, would keep its image out."""
    return bool(table.slice_columns) and not set(table.slice_columns) & set(table.key)
