"""Bytes of a Parquet drop to an Arrow table of text: whatever the columns' types, the same rules follow.

Numbers become the text that says exactly what they are (floats: the shortest text that reads back as
the same float). The line of a row is its position, from 1.
"""

from __future__ import annotations

import io

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from fluxion_pipeline.contracts.rules.layout import Layout, Raw
from fluxion_pipeline.sources.archivos.header import Header, Unusable, check


def parse(data: bytes, layout: Layout) -> tuple[Raw, Header]:
    """The rows of a Parquet file as text.

    Raises:
        Unusable: empty or corrupt, a column missing or double, text that is not UTF-8 in a column of the layout.
    """
    if not data:
        raise Unusable("the file is empty: zero bytes")
    try:
        file = pq.ParquetFile(io.BytesIO(data))
        header = check(file.schema_arrow.names, layout)
        table = file.read()
    except (pa.ArrowException, OSError, ValueError) as error:
        raise Unusable(f"the Parquet file can't be read: {str(error).splitlines()[0]}") from None
    columns = [_text(name, column, name in header.ignored) for name, column in zip(header.names, table.columns, strict=True)]
    lines = pa.array(range(1, table.num_rows + 1), pa.int32())
    return Raw(pa.table(columns, names=list(header.names)), lines), header


def _text(name: str, column: pa.ChunkedArray, ignored: bool) -> pa.ChunkedArray:
    try:
        text = _as_text(column)
        text.validate(full=True)
    except (pa.ArrowException, UnicodeDecodeError) as error:
        if ignored:  # only shown, in the raw row of a reject: no reason to refuse the others
            return _shown(column)
        raise Unusable(f"column {name} ({column.type}) has no text: {str(error).splitlines()[0]}") from None
    return text


def _as_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _as_text(column.cast(kind.value_type))
    if pa.types.is_timestamp(kind) and kind.tz is None and _all_midnight(column):
        return column.cast(pa.date32()).cast(pa.string())
    if pa.types.is_nested(kind) or pa.types.is_duration(kind):
        return _shown(column)
    if pa.types.is_decimal(kind):
        return pa.chunked_array([pa.array([None if value is None else format(value, "f") for value in column.to_pylist()], pa.string())])
    return column.cast(pa.string())


def _shown(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Values that have no text of their own, as Python shows them."""
    return pa.chunked_array([pa.array([None if value is None else str(value) for value in column.to_pylist()], pa.string())])


def _all_midnight(column: pa.ChunkedArray) -> bool:
    """Whether timestamps are days in truth, as pandas writes them."""
    return bool(pc.all(pc.equal(pc.floor_temporal(column, unit="day"), column)).as_py() is not False)
