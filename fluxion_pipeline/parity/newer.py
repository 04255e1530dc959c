"""A slice that changed since its last proof, proven by the rows that changed.

Before, PostgreSQL's rows were DuckDB's, and those of an image that is still there. Of PostgreSQL's
rows now, some are newer than that proof: these are compared one by one with DuckDB's. The others are
rows of that image, none of whose keys is among the newer ones (the primary key sees to it). What is
left of the image without those keys has as many rows as PostgreSQL has old ones only if they are the
same; and DuckDB's other rows are these if their number and the sum of their hashes are. Both are now
the image of before, less its rows of those keys, plus the newer ones: if that comes to the number of
rows and the digest that the newest image's manifest says, they are the newest image too, and neither
image is read but for those keys. A slice of which this can't be said (a key has vanished, somebody
edited it) is compared whole.

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

_GONE = "parity_gone"


@dataclass(frozen=True)
class Changed:
    """A slice that both sides hold at one version, another one than was proven.

    Attributes:
        proven: what was proven of it.
        image: the image that it had then.
        now: the image that it has now.
        duckdb: DuckDB's number of rows and sum of hashes now.
        postgresql: PostgreSQL's number of rows now.
        newer: how many of them are newer than the proof.
    """

    proven: Proven
    image: Image
    now: Image
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
    measures = f"coalesce(sum({duckdb.row_hash(spec)}), 0)", duckdb.digest(spec)
    _lay_out_gone(duckdb, spec, [c.image for c in changed.values()])
    gone, same = _sums(duckdb, spec, measures, _GONE), _sums(duckdb, spec, measures, _equal_pairs(duckdb, chunk))
    none = Part(0, 0, 0)
    return {name for name, item in changed.items() if _holds(item, gone.get(name, none), same.get(name, none))}


@dataclass(frozen=True)
class Part:
    """Some rows of a slice: how many, the sum of their hashes, their digest."""

    rows: int
    hashes: int
    digest: int


def _holds(item: Changed, gone: Part, same: Part) -> bool:
    """The argument of this module for one slice.

    Args:
        item: the slice.
        gone: rows of the image of before whose keys are newer in PostgreSQL.
        same: DuckDB's rows that are equal to a newer one.
    """
    rest_of_image = item.proven.rows - gone.rows, int(item.proven.sum) - gone.hashes
    rest_of_duckdb = item.duckdb[0] - same.rows, item.duckdb[1] - same.hashes
    if same.rows != item.newer or rest_of_image != rest_of_duckdb or rest_of_duckdb[0] != item.postgresql - item.newer:
        return False
    made = item.image.rows - gone.rows + same.rows, int(item.image.digest) - gone.digest + same.digest
    return made == (item.now.rows, int(item.now.digest))


def _sums(duckdb: DuckdbSide, spec: TableSpec, measures: tuple[str, str], source: str) -> dict[str, Part]:
    found = duckdb.rows(f"SELECT {sqltext.slice_text(spec)}, count(*), {', '.join(measures)} FROM {source} GROUP BY 1")  # noqa: S608 quoted names
    return {name: Part(rows, int(hashes), int(digest)) for name, rows, hashes, digest in found}


def _equal_pairs(duckdb: DuckdbSide, chunk: Chunk) -> str:
    """DuckDB's rows, each with an equal newer one of PostgreSQL."""
    spec = chunk.spec
    source, _ = duckdb.source(chunk)
    on = " AND ".join(f"d.{quote(k)} = p.{quote(k)}" for k in spec.physical_key)
    equal = "".join(f" AND d.{quote(v)} IS NOT DISTINCT FROM p.{quote(v)}" for v in spec.values)
    mine = f"(SELECT {sqltext.columns(spec.columns)} FROM {source})"  # noqa: S608 quoted names
    return f"(SELECT d.* FROM {mine} d JOIN {OTHER} p ON {on}{equal} WHERE p.{quote(UNREADABLE)} IS NULL)"  # noqa: S608 quoted names


def _lay_out_gone(duckdb: DuckdbSide, spec: TableSpec, images: list[Image]) -> None:
    """The images' rows whose keys are among PostgreSQL's newer ones."""
    files = sorted({str(i.file) for i in images if i.rows})
    with slices.laid_out(duckdb.connection, images):
        duckdb.connection.execute(f"CREATE OR REPLACE TEMP TABLE {_GONE} AS {changes.image_relation(spec, OTHER)}", [files])
