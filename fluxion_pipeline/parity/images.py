"""The third leg: one sink's table against what the newest images say that it must be.

The same exact comparison, with the images' rows in DuckDB's place and the sink's in PostgreSQL's; so
a repair knows what to write. Before this: ``landing`` (images), ``sinks``; after it: ``lotes``, repair.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import duckdb

from fluxion_pipeline.contracts.outcomes import SinkName
from fluxion_pipeline.contracts.sqltext import quote
from fluxion_pipeline.contracts.tables import TableSpec
from fluxion_pipeline.errors import ContractError
from fluxion_pipeline.landing.index import Image
from fluxion_pipeline.landing.kept import KeptLotes
from fluxion_pipeline.landing.past import DAMAGED_SQL
from fluxion_pipeline.parity import plan
from fluxion_pipeline.parity.duckdb_side import OTHER, UNREADABLE, DuckdbSide
from fluxion_pipeline.parity.exact import ChunkDifference, SliceDifference, compare
from fluxion_pipeline.parity.folder import own_folder
from fluxion_pipeline.parity.plan import Chunk, Group, Values
from fluxion_pipeline.parity.postgresql_side import PostgresqlSide
from fluxion_pipeline.parity.report import SAMPLE, Difference
from fluxion_pipeline.parity.sides import Item, column_items, groups
from fluxion_pipeline.settings import Settings
from fluxion_pipeline.sinks import changes, slices
from fluxion_pipeline.sinks.duckdb.connect import configure, open_file
from fluxion_pipeline.sinks.postgresql.connect import connect

_IMAGE = "parity_image"


@dataclass(frozen=True)
class Leg:
    """A sink's table against its images.

    Attributes:
        sink: the sink.
        table: the table.
        rows: rows that the sink holds.
        wanted: rows of all images.
        involved: rows of the images of the slices that differ.
        slices: the slices that differ, with what differs (``missing``: the image has it, the sink lacks it).
        sample: at most ``SAMPLE`` differences; ``duckdb`` is the image's side, ``postgresql`` the sink's.
    """

    sink: SinkName
    table: str
    rows: int
    wanted: int
    involved: int
    slices: Mapping[str, SliceDifference]
    sample: tuple[Difference, ...]

    @property
    def total(self) -> SliceDifference:
        """All slices together."""
        result = SliceDifference()
        for item in self.slices.values():
            result = result.plus(item)
        return result

    @property
    def to_write(self) -> int:
        """Rows that making it equal would insert, change or delete."""
        found = self.total
        return found.missing + found.extra + found.changed + found.doubled_postgresql


def against_images(settings: Settings, outbox: KeptLotes, sink: SinkName, table: TableSpec, wait: float = 20.0, only: Collection[str] | None = None) -> Leg:
    """Compare the rows of a landed table in one sink with the newest images of all locations; ``only``: of these slices.

    Raises:
        SinkAway: if the sink can't be read.
        ContractError: if its values are none that can be compared (somebody changed a column's type).
        ConvergenceError: if an image can't be read.
    """
    images = {image_values(table, i.slice): i for place in outbox.index.locations() for i in outbox.index.images(place, table.name)}
    try:
        with own_folder(settings.home) as folder:
            if sink is SinkName.DUCKDB:
                rows, found = _duckdb_leg(settings, table, images, wait, only)
            else:
                rows, found = _postgresql_leg(settings, table, images, folder, only)
    except duckdb.Error as error:
        raise ContractError(f"{sink}'s {table.name} can't be compared: {str(error).splitlines()[0]}", f"fluxion parity {table.name} --level schema") from error
    involved = sum(i.rows for i in images.values() if i.slice in found.slices)
    return Leg(sink, table.name, rows, sum(i.rows for i in images.values()), involved, found.slices, _some(found.sample))


def _duckdb_leg(settings: Settings, table: TableSpec, images: Mapping[Values, Image], wait: float, only: Collection[str] | None) -> tuple[int, ChunkDifference]:
    with _file(settings, wait) as side:
        held = groups(side, Chunk(table, None, 0))
    result = ChunkDifference()
    for chunk in plan.chunks(table, _groups(images), held, only):
        with _file(settings, wait) as side:
            items = column_items(table, table.values)
            lay_out_held(side, chunk)
            _add(result, compare_images(side.connection, chunk, images, items))
    return sum(g.rows for g in held.values()), result


def _postgresql_leg(
    settings: Settings, table: TableSpec, images: Mapping[Values, Image], folder: Path, only: Collection[str] | None
) -> tuple[int, ChunkDifference]:
    result = ChunkDifference()
    items, file = column_items(table, table.values), folder / "rows.csv"
    with connect(settings, read_only=True) as connection:
        postgresql = PostgresqlSide(connection)
        held = groups(postgresql, Chunk(table, None, 0))
        for chunk in plan.chunks(table, _groups(images), held, only):
            postgresql.export(chunk, items, file)
            with duckdb.connect() as memory:
                configure(memory, settings.home / "tmp" / "duckdb")
                DuckdbSide(memory).receive(chunk, items, file)
                _add(result, compare_images(memory, chunk, images, items))
    return sum(g.rows for g in held.values()), result


def lay_out_held(side: DuckdbSide, chunk: Chunk) -> None:
    """DuckDB's rows of a chunk into ``OTHER``: the side that is compared with images."""
    source, _ = side.source(chunk)
    names = ", ".join(quote(c) for c in (*chunk.spec.physical_key, *chunk.spec.values))
    side.connection.execute(f"CREATE OR REPLACE TEMP TABLE {OTHER} AS SELECT {names}, CAST(NULL AS VARCHAR) AS {quote(UNREADABLE)} FROM {source}")  # noqa: S608 quoted names


@contextmanager
def _file(settings: Settings, wait: float) -> Iterator[DuckdbSide]:
    with open_file(settings, write=False, wait=wait, purpose="fluxion repair") as connection:
        yield DuckdbSide(connection)


class _Images(DuckdbSide):
    """The images' rows of a chunk, in a temporary table, as the side that is right."""

    def source(self, chunk: Chunk) -> tuple[str, list[Any]]:
        """All of it: it holds the chunk's rows only."""
        return _IMAGE, []


def compare_images(connection: duckdb.DuckDBPyConnection, chunk: Chunk, images: Mapping[Values, Image], items: Sequence[Item]) -> ChunkDifference:
    """Compare a chunk's images (``missing``: only they have it) with a sink's rows, which stand in ``OTHER``.

    Raises:
        ConvergenceError: if an image can't be read.
    """
    table = chunk.spec
    mine = list(images.values()) if chunk.values is None else [images[v] for v in chunk.values if v in images]
    files = sorted({str(i.file) for i in mine if i.rows})
    if files:
        try:
            with slices.laid_out(connection, mine):
                connection.execute(f"CREATE OR REPLACE TEMP TABLE {_IMAGE} AS {changes.image_relation(table)}", [files])
        except DAMAGED_SQL as error:
            raise changes.unreadable(table, files, error) from error
    else:
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {_IMAGE} AS SELECT * EXCLUDE ({quote(UNREADABLE)}) FROM {OTHER} LIMIT 0")  # noqa: S608 own names
    return compare(_Images(connection), chunk, items)


def _groups(images: Mapping[Values, Image]) -> dict[Values, Group]:
    return {v: Group(i.slice, i.rows) for v, i in images.items()}


def image_values(table: TableSpec, slice_: str) -> Values:
    """A slice's columns as ``sides.groups`` writes them."""
    return tuple(v.astimezone(timezone.utc).strftime("%Y-%m-%d %H:%M:%S+00") if isinstance(v, datetime) else str(v) for v in slices.values(table, slice_))


def _add(result: ChunkDifference, part: ChunkDifference) -> None:
    for name, item in part.slices.items():
        result.slices[name] = result.slices.get(name, SliceDifference()).plus(item)
    result.sample += part.sample


def _some(sample: Collection[Difference]) -> tuple[Difference, ...]:
    """Some of each kind."""
    kinds = sorted({d.kind for d in sample})
    share = SAMPLE // max(len(kinds), 4)
    return tuple(d for kind in kinds for d in [x for x in sample if x.kind == kind][: SAMPLE if len(kinds) == 1 else share])
