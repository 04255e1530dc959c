"""The canonical digest of rows: the same number as ``contracts.sqltext.digest_duckdb``, with or without a database.

Landing measures many tables of a few rows, where a statement over each would cost more than all else,
and some of tens of thousands. Of these the text is made here too, which costs a third of what it does
in SQL, and DuckDB gives the md5. ``likeness`` is for rows that are only compared with each other.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from hashlib import md5
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fluxion_pipeline.contracts.outcomes import Fact
from fluxion_pipeline.contracts.rules.judge import connection
from fluxion_pipeline.contracts.rules.text import may_hold
from fluxion_pipeline.contracts.sqltext import columns
from fluxion_pipeline.contracts.tables import spec

MANY = 3000
"""From so many rows on DuckDB is asked."""

PIECE = 1 << 15
"""Rows whose texts are made at once."""

_HEX = 32
_OF_THE_STORE = ("ubicacion_codigo", "almacen_codigo")
Marks = np.ndarray[Any, np.dtype[np.uint64]]


def digest_of(rows: pa.Table, names: Iterable[str]) -> str:
    """The digest of the rows over some of their columns, which have the types of the contract."""
    kept = list(names)
    total = 0
    for start in range(0, rows.num_rows, PIECE):  # a day's texts at once would weigh more than its rows
        found = halves(_texts(rows.slice(start, PIECE), kept))
        # In two parts: a sum of 64-bit numbers doesn't fit into one.
        total += (int((found >> 32).sum()) << 32) + int((found & 0xFFFFFFFF).sum())
    return str(total)


def digests_by(rows: pa.Table, names: Iterable[str], group: str) -> dict[str, tuple[int, str]]:
    """Number of rows, and ``digest_of`` them, of each value of a column of text: as fast for many groups as for one."""
    kept, counts, sums = list(names), Counter[str](), defaultdict[str, int](int)
    for start in range(0, rows.num_rows, PIECE):
        piece = rows.slice(start, PIECE)
        found = halves(_texts(piece, kept))
        coded = piece.column(group).combine_chunks().dictionary_encode()
        codes = np.asarray(coded.indices.to_numpy(zero_copy_only=False))
        parts = np.zeros((3, len(coded.dictionary)), np.int64)
        for part, numbers in zip(parts, (np.ones_like(found), found >> 32, found & 0xFFFFFFFF), strict=True):
            np.add.at(part, codes, numbers)
        for value, count, high, low in zip(coded.dictionary.to_pylist(), *parts.tolist(), strict=True):
            counts[value] += count
            sums[value] += (high << 32) + low
    return {value: (count, str(sums[value])) for value, count in counts.items()}


def likeness(rows: pa.Table, names: Sequence[str]) -> str:
    """A text that is equal where the rows are, in whatever order; of many rows within one version of DuckDB only."""
    if rows.num_rows < MANY:
        return digest_of(rows, names)
    con = connection()
    con.register("_medidas", rows.select(names))
    try:
        ((total,),) = con.execute(f"SELECT sum(hash({columns(names)})::HUGEINT) FROM _medidas").fetchall()  # noqa: S608 quoted names
    finally:
        con.unregister("_medidas")
    return f"{duckdb.__version__}:{total}"


def shared_columns(names: Iterable[str]) -> list[str]:
    """A table's columns but the store's own codes: those in which one store's rows may be another's."""
    return [n for n in names if n not in _OF_THE_STORE]


def line_marks(lines: pa.Table) -> Marks:
    """A number per sales line, in their order: equal where lines are but for the store's own codes. Within one version of DuckDB only."""
    return _marks(lines, shared_columns(spec(Fact.VENTAS.value).columns))


def stock_marks(rows: pa.Table) -> Marks:
    """A number per product whose stock tells something, in their order: equal where product and stock are. Within one version of DuckDB only.

    See ``telling``.
    """
    return _marks(rows.filter(telling(rows)), ["producto_codigo", "stock"])


def telling(rows: pa.Table) -> pa.ChunkedArray:
    """Which products have a stock that tells something: not zero, nor one that most of those that are there have."""
    stock = rows.column("stock")
    there = pc.not_equal(stock, pa.scalar(0, stock.type))
    counted = pc.value_counts(stock.filter(there))
    for value, count in zip(counted.field("values"), counted.field("counts").to_pylist(), strict=True):
        if 2 * count > (pc.sum(there).as_py() or 0):
            return pc.and_(there, pc.not_equal(stock, value))
    return there


def _marks(rows: pa.Table, names: list[str]) -> Marks:
    con = connection()
    con.register("_medidas", rows.select(names))
    try:
        found = con.sql(f"SELECT hash({columns(names)}) AS h FROM _medidas").to_arrow_table().column("h")  # noqa: S608 quoted names
    finally:
        con.unregister("_medidas")
    return np.asarray(found.to_numpy(), np.uint64)


def halves(texts: pa.ChunkedArray) -> np.ndarray[Any, np.dtype[np.int64]]:
    """The first 64 bits of each text's md5, as signed numbers."""
    if len(texts) < MANY:
        data = b"".join([md5(t.encode(), usedforsecurity=False).digest()[:8] for t in texts.to_pylist()])
        return np.frombuffer(data, ">i8").astype(np.int64)
    con = connection()
    con.register("_medidas", pa.table({"texto": texts}))
    try:
        hexes = con.sql("SELECT md5(texto) AS m FROM _medidas").to_arrow_table().column("m")
    finally:
        con.unregister("_medidas")
    return np.concatenate([_numbers(chunk) for chunk in hexes.chunks])


def _numbers(hexes: pa.Array) -> np.ndarray[Any, np.dtype[np.int64]]:
    _, offsets, data = hexes.buffers()
    start = int(np.frombuffer(offsets, np.int32)[hexes.offset])
    return np.frombuffer(bytes.fromhex(bytes(data[start : start + _HEX * len(hexes)]).decode()), ">i8")[::2].astype(np.int64)


def _texts(rows: pa.Table, names: Iterable[str]) -> pa.ChunkedArray:
    return pc.binary_join_element_wise(*[_text(rows.column(name)) for name in names], "|")


def _text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = column.type
    if pa.types.is_string(kind):
        if may_hold(column, b"\\", b"|"):
            column = pc.replace_substring(pc.replace_substring(column, "\\", "\\\\"), "|", "\\|")
        return pc.fill_null(column, "\\N")
    if pa.types.is_timestamp(kind):
        column = column.cast(pa.timestamp("us", tz=kind.tz)).cast(pa.int64())
    return pc.fill_null(column.cast(pa.string()), "\\N")
