"""Which rows are compared together: whole tables while they are small, else chunks of slices.

Chunks bound memory and the time for which the DuckDB file is held. Pure: counts come in, chunks go
out. Before this: both sides' counts per slice; after it: export and comparison of each chunk.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from fluxion_pipeline.contracts.tables import TableSpec

CHUNK_ROWS = 500_000
"""Rows of a batch of chunks, on the side that has more of them."""

CHUNK_SLICES = 20_000
"""Slices of a chunk: they are sent as lists."""

Values = tuple[str | None, ...]
"""The values of the slice columns, as text that either engine casts back."""


@dataclass(frozen=True)
class Group:
    """The rows of one side that agree in the slice columns.

    Attributes:
        slice: the slice, as in the ledger (two instants of one minute share it).
        rows: how many there are.
        also: another aggregate of them, as text, where one was asked for.
    """

    slice: str
    rows: int
    also: str | None = None


Groups = Mapping[Values, Group]


@dataclass(frozen=True)
class Chunk:
    """Rows of one table that are compared at once.

    Attributes:
        spec: the table.
        values: the slice columns' values; None: the whole table, without a filter.
        rows: about how many.
    """

    spec: TableSpec
    values: tuple[Values, ...] | None
    rows: int

    @property
    def complete(self) -> tuple[Values, ...]:
        """The values without a NULL among them: those that lists of values can name."""
        return tuple(v for v in self.values or () if None not in v)

    @property
    def has_null(self) -> bool:
        """Whether rows with a NULL in a slice column belong to it (a sink has lost its NOT NULL)."""
        return any(None in v for v in self.values or ())

    def column(self, position: int) -> list[str]:
        """One slice column's values, of ``complete``."""
        return [str(v[position]) for v in self.complete]

    def only(self, wanted: Collection[Values]) -> Chunk:
        """The part of it that those values name."""
        return Chunk(self.spec, tuple(sorted(wanted, key=_order(self.spec))), self.rows)


def chunks(spec: TableSpec, duckdb: Groups, postgresql: Groups, only: Collection[str] | None = None, size: int | None = None) -> list[Chunk]:
    """Cut a table into chunks of at most ``size`` rows (a larger slice is one by itself).

    Args:
        spec: the table.
        duckdb: its groups of rows in DuckDB.
        postgresql: the same in PostgreSQL.
        only: the slices that are asked for; None: all.
        size: rows of a chunk; by default ``CHUNK_ROWS``.
    """
    size = size or CHUNK_ROWS
    rows: dict[Values, int] = {}
    for side in (duckdb, postgresql):
        for values, group in side.items():
            if only is None or group.slice in only:
                rows[values] = max(rows.get(values, 0), group.rows)
    total = sum(rows.values())
    if not spec.slice_columns or (only is None and total <= size):
        return [Chunk(spec, None, total)] if only is None or rows else []
    result: list[Chunk] = []
    part: list[Values] = []
    held = 0
    for values in sorted(rows, key=_order(spec)):
        if part and (held + rows[values] > size or len(part) >= CHUNK_SLICES):
            result.append(Chunk(spec, tuple(part), held))
            part, held = [], 0
        part.append(values)
        held += rows[values]
    return [*result, Chunk(spec, tuple(part), held)] if part else result


def batches(all_chunks: Iterable[Chunk], size: int | None = None) -> Iterator[list[Chunk]]:
    """Chunks that are compared within one opening of the DuckDB file."""
    size = size or CHUNK_ROWS
    part: list[Chunk] = []
    for chunk in all_chunks:
        if part and sum(c.rows for c in part) + chunk.rows > size:
            yield part
            part = []
        part.append(chunk)
    if part:
        yield part


def _order(spec: TableSpec):  # type: ignore[no-untyped-def] # a sort key of mixed text and NULL
    """Months together, so that PostgreSQL reads few partitions for a chunk."""
    first = spec.slice_columns.index(spec.month_column) if spec.month_column in spec.slice_columns else 0
    return lambda values: tuple((v is not None, v or "") for v in (values[first : first + 1] + values))
