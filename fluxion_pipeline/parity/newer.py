"""A slice that changed since its last proof, proven by the rows that changed.

Before, PostgreSQL's rows were DuckDB's, and those of an image that is still there. Of PostgreSQL's
rows now, some are newer than that proof: these are compared one by one with DuckDB's. The others are
rows of that image, none of whose keys is among the newer ones (the primary key sees to it). What is
left of the image without those keys has as many rows as PostgreSQL has old ones only if they are the
same; and DuckDB's other rows are these if their number and the sum of their hashes are. A slice of
which this can't be said (a key has vanished, somebody edited it) is compared whole.

Before this: ``ledger``; after it: ``passes``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fluxion_pipeline.contracts import sqltext
from fluxion_pipeline.contracts.sqltext import quote
from fluxion_pipeline.contracts.tables import TableSpec
from fluxion_pipeline.errors import TransientError
from fluxion_pipeline.landing.index import Image
from fluxion_pipeline.parity.duckdb_side import OTHER, UNREADABLE, DuckdbSide
from fluxion_pipeline.parity.ledger import Proven
from fluxion_pipeline.parity.plan import Chunk
from fluxion_pipeline.parity.postgresql_side import PostgresqlSide
from fluxion_pipeline.parity.sides import column_items
from fluxion_pipeline.sinks import changes, slices

LEAST = 2_000
"""Rows of a slice from which on this is cheaper than comparing it whole."""

_BEFORE = "parity_before"


@dataclass(frozen=True)
class Changed:
    """A slice that both sides hold at one version, another one than was proven.

    Attributes:
        proven: what was proven of it.
        image: the image that it had then.
        duckdb: DuckDB's number of rows and sum of hashes now.
        postgresql: PostgreSQL's number of rows now.
        newer: how many of them are newer than the proof.
    """

    proven: Proven
    image: Image
    duckdb: tuple[int, int]
    postgresql: int
    newer: int

    @property
    def worthwhile(self) -> bool:
        """Whether few enough rows are new, and as many on both sides."""
        return self.postgresql == self.duckdb[0] and self.postgresql >= LEAST and self.newer * 4 <= self.postgresql


def proven(postgresql: PostgresqlSide, duckdb: DuckdbSide, chunk: Chunk, changed: Mapping[str, Changed], mark: int, file: Path) -> set[str]:
    """The slices that are equal on both sides.

    Args:
        postgresql: its snapshot.
        duckdb: the open file, in the opening in which ``changed`` was counted.
        chunk: the rows of those slices.
        changed: the slices, by name.
        mark: of the proof.
        file: where PostgreSQL's newer rows may travel through.
    """
    spec = chunk.spec
    items = column_items(spec, spec.values)
    postgresql.export(chunk, items, file, newer_than=mark)
    try:
        duckdb.receive(chunk, items, file)
    except TransientError:
        return set()
    finally:
        file.unlink(missing_ok=True)
    _lay_out_images(duckdb, spec, [c.image for c in changed.values()])
    hashes = f"coalesce(sum({duckdb.row_hash(spec)}), 0)"
    before = _sums(duckdb, spec, hashes, _BEFORE)
    key = sqltext.columns(spec.physical_key)
    gone = _sums(duckdb, spec, hashes, f"{_BEFORE} SEMI JOIN (SELECT {key} FROM {OTHER}) o USING ({key})")  # noqa: S608 quoted names
    same = _sums(duckdb, spec, hashes, _equal_pairs(duckdb, chunk))
    none = (0, 0)
    return {name for name, item in changed.items() if _holds(item, before.get(name, none), gone.get(name, none), same.get(name, none))}


def _holds(item: Changed, before: tuple[int, int], gone: tuple[int, int], same: tuple[int, int]) -> bool:
    """The argument of this module for one slice; each pair is a number of rows and the sum of their hashes."""
    if before != (item.proven.rows, int(item.proven.sum)) or same[0] != item.newer:
        return False
    rest_of_image = before[0] - gone[0], before[1] - gone[1]
    rest_of_duckdb = item.duckdb[0] - same[0], item.duckdb[1] - same[1]
    return rest_of_image == rest_of_duckdb and rest_of_duckdb[0] == item.postgresql - item.newer


def _sums(duckdb: DuckdbSide, spec: TableSpec, hashes: str, source: str) -> dict[str, tuple[int, int]]:
    found = duckdb.rows(f"SELECT {sqltext.slice_text(spec)}, count(*), {hashes} FROM {source} GROUP BY 1")  # noqa: S608 quoted names
    return {name: (rows, int(total)) for name, rows, total in found}


def _equal_pairs(duckdb: DuckdbSide, chunk: Chunk) -> str:
    """DuckDB's rows, each with an equal newer one of PostgreSQL."""
    spec = chunk.spec
    source, _ = duckdb.source(chunk)
    on = " AND ".join(f"d.{quote(k)} = p.{quote(k)}" for k in spec.physical_key)
    equal = "".join(f" AND d.{quote(v)} IS NOT DISTINCT FROM p.{quote(v)}" for v in spec.values)
    mine = f"(SELECT {sqltext.columns(spec.columns)} FROM {source})"  # noqa: S608 quoted names
    return f"(SELECT d.* FROM {mine} d JOIN {OTHER} p ON {on}{equal} WHERE p.{quote(UNREADABLE)} IS NULL)"  # noqa: S608 quoted names


def _lay_out_images(duckdb: DuckdbSide, spec: TableSpec, images: list[Image]) -> None:
    files = sorted({str(i.file) for i in images})
    duckdb.connection.register("_slices", slices.relation(spec, images))
    duckdb.connection.execute(f"CREATE OR REPLACE TEMP TABLE {_BEFORE} AS {changes.image_relation(spec)}", [files])
    duckdb.connection.unregister("_slices")
