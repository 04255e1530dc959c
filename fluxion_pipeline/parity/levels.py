"""How the rows of a chunk are compared at level ``values`` and at level ``digest``, and what PostgreSQL's come to.

``values``: all rows were exported and are joined. ``digest``: sums of digests are compared, and only the
keys and digests of slices that differ travel. Before this: ``plan``; after it: ``exact``, ``apart``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb as engine

from fluxion_pipeline.contracts import sqltext
from fluxion_pipeline.contracts.sqltext import quote
from fluxion_pipeline.parity import digest
from fluxion_pipeline.parity.duckdb_side import OTHER, UNREADABLE, DuckdbSide
from fluxion_pipeline.parity.exact import ChunkDifference, compare, equal, named
from fluxion_pipeline.parity.plan import Chunk, Groups
from fluxion_pipeline.parity.postgresql_side import PostgresqlSide
from fluxion_pipeline.parity.sides import column_items, groups, totals


@dataclass(frozen=True)
class Values:
    """A chunk whose rows came in a file, which is still there."""

    duckdb: DuckdbSide
    chunk: Chunk
    difference: ChunkDifference
    file: Path

    @property
    def measure(self) -> str:
        """The aggregate, in DuckDB's SQL, that ``postgresql`` is made of."""
        return self.duckdb.hashes(self.chunk.spec)

    def postgresql(self) -> dict[str, tuple[int, int]]:
        """PostgreSQL's rows of each slice, less those that no image can have, and their measure."""
        spec = self.chunk.spec
        self.duckdb.receive(self.chunk, column_items(spec, spec.values), self.file)
        found = self.duckdb.rows(
            f"SELECT {sqltext.slice_text(spec)}, count(*), {self.measure} FROM {OTHER} WHERE {quote(UNREADABLE)} IS NULL GROUP BY 1"  # noqa: S608 quoted names
        )
        return {name: (rows, int(total)) for name, rows, total in found}


@dataclass(frozen=True)
class Digests:
    """A chunk of which both sides told digests."""

    duckdb: DuckdbSide
    chunk: Chunk
    difference: ChunkDifference
    theirs: Groups

    @property
    def measure(self) -> str:
        """As of ``Values``."""
        return self.duckdb.digest(self.chunk.spec)

    def postgresql(self) -> dict[str, tuple[int, int]]:
        """As of ``Values``."""
        return totals(self.theirs)


def by_values(duckdb: DuckdbSide, chunk: Chunk, file: Path, rows: int) -> Values:
    """Compare PostgreSQL's exported rows, of which there are so many."""
    return Values(duckdb, chunk, read(duckdb, chunk, file, rows), file)


def read(duckdb: DuckdbSide, chunk: Chunk, file: Path, rows: int) -> ChunkDifference:
    """What differs between DuckDB's rows of a chunk and those of a file: they are laid out only where something does."""
    items = column_items(chunk.spec, chunk.spec.values)
    try:
        if equal(duckdb, chunk, items, duckdb.incoming(chunk, items, file), rows):
            return ChunkDifference()
    except engine.Error:  # a value that is none of its type: it is named below
        pass
    duckdb.receive(chunk, items, file)
    return named(duckdb, chunk, items)


def by_digest(duckdb: DuckdbSide, postgresql: PostgresqlSide, chunk: Chunk, file: Path) -> Digests:
    """Compare digests, and the rows of the slices whose digests differ; ``file``: where these may travel through."""
    spec = chunk.spec
    left, right = (groups(side, chunk, side.digest(spec)) for side in (duckdb, postgresql))
    different = {v for v in left.keys() | right.keys() if left.get(v) != right.get(v)}
    if not different:
        return Digests(duckdb, chunk, ChunkDifference(), right)
    part = chunk.only(different) if spec.slice_columns else chunk
    items = (digest.row_item(spec),)
    postgresql.export(part, items, file)
    duckdb.receive(part, items, file)
    file.unlink()
    result = compare(duckdb, part, items)
    result.sample = digest.fill(duckdb, postgresql, spec, result.sample)
    return Digests(duckdb, chunk, result, right)
