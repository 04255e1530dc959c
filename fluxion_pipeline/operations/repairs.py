"""The record of repairs, ``reparaciones``: an image of ``*`` like any other, so every sink gets it and none can lose it.

Each line tells of one thing that a repair wrote (the lotes, or a sink): who asked, what was taken to
be right, which slices, how many rows, their digests before and after. After it: ``operations.explain``.
"""

from __future__ import annotations

import json
import os
import pwd
from collections.abc import Collection
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any
from uuid import uuid4

import pyarrow as pa

from fluxion_pipeline.contracts.clock import UTC
from fluxion_pipeline.contracts.outcomes import SinkName, Word
from fluxion_pipeline.contracts.tables import TableSpec, spec
from fluxion_pipeline.errors import SinkAway, SinkRefused
from fluxion_pipeline.landing.decide.decision import Draft
from fluxion_pipeline.landing.decide.dimensions import EVERYWHERE
from fluxion_pipeline.landing.lineage import decided_anew
from fluxion_pipeline.landing.past import image_rows
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.parity.duckdb_side import DuckdbSide
from fluxion_pipeline.parity.plan import Chunk
from fluxion_pipeline.parity.postgresql_side import PostgresqlSide
from fluxion_pipeline.parity.sides import Side, groups
from fluxion_pipeline.sinks.converge import converge
from fluxion_pipeline.sinks.duckdb.connect import open_file
from fluxion_pipeline.sinks.postgresql.connect import connect
from fluxion_pipeline.sources.protocol import arrow_type

TABLE = "reparaciones"


class Origin(Word):
    """What a repair takes to be right, and what it can write."""

    LOTE = "lote"
    DUCKDB = "duckdb"
    POSTGRESQL = "postgresql"


@dataclass(frozen=True)
class Measure:
    """Rows of some slices, and the sum of their digests."""

    rows: int
    digest: str


@dataclass(frozen=True)
class RepairLine:
    """One line of ``reparaciones``; its fields are the table's columns."""

    id: str
    destino: str
    tabla: str
    origen: str
    pedida_por: str
    pedida_en: datetime
    forzada: bool
    probada: bool
    slices: str
    insertadas: int
    cambiadas: int
    borradas: int
    filas_antes: int | None = None
    huella_antes: str | None = None
    filas_despues: int | None = None
    huella_despues: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The slices."""
        return tuple(json.loads(self.slices))


@dataclass(frozen=True)
class Asked:
    """A repair that somebody asked for."""

    id: str
    table: str
    origin: Origin
    by: str
    at: datetime
    forced: bool

    @property
    def reason(self) -> str:
        """How the lotes that it lands tell of it."""
        return f"repair {self.id} from {self.origin}, asked for by {self.by}"


def asked(app: App, table: str, origin: Origin, forced: bool) -> Asked:
    """A repair begins, asked for by the OS user of this process."""
    at = app.clock()
    return Asked(f"{at.astimezone(UTC):%Y%m%dT%H%M%S}-{uuid4().hex[:6]}", table, origin, user(), at, forced)


def user() -> str:
    """The OS user's name, or number where it has none."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def line(repair: Asked, target: Origin, slices: Collection[str], written: tuple[int, int, int], before: Measure | None, after: Measure | None) -> RepairLine:
    """The line of one thing that a repair wrote; without a measure afterwards it wasn't proven."""
    inserted, changed, deleted = written
    return RepairLine(
        repair.id,
        target.value,
        repair.table,
        repair.origin.value,
        repair.by,
        repair.at,
        repair.forced,
        after is not None,
        json.dumps(sorted(slices), ensure_ascii=False),
        inserted,
        changed,
        deleted,
        before.rows if before else None,
        before.digest if before else None,
        after.rows if after else None,
        after.digest if after else None,
    )


def remember(app: App, lines: Collection[RepairLine]) -> None:
    """Land lines of the record, and let the active sinks have them; to a sink that is away they are owed."""
    _land(app, lines)
    for sink in app.active:
        with suppress(SinkAway, SinkRefused):
            converge(sink, app.outbox, [EVERYWHERE], clock=app.clock)


@decided_anew
def _land(app: App, lines: Collection[RepairLine]) -> None:
    table = spec(TABLE)
    schema = pa.schema([(c, arrow_type(TABLE, c)) for c in table.columns])
    with app.outbox.lock(EVERYWHERE) as past:
        found = past.rows(TABLE, EVERYWHERE)
        fresh = pa.Table.from_pylist([asdict(x) for x in lines], schema=schema)
        rows = fresh if found is None else pa.concat_tables([found.select(schema.names).cast(schema), fresh])
        app.outbox.write(past, (Draft(TABLE, EVERYWHERE, rows),))


def recorded(app: App, table: str | None = None) -> tuple[RepairLine, ...]:
    """The record, oldest first; of one table or of all."""
    found = app.outbox.index.images(EVERYWHERE, TABLE)
    rows: list[dict[str, Any]] = image_rows(found[0]).to_pylist() if found else []
    names = {f.name for f in fields(RepairLine)}
    lines = [RepairLine(**{k: v for k, v in row.items() if k in names}) for row in rows]
    return tuple(sorted((x for x in lines if table in (None, x.tabla)), key=lambda x: (x.pedida_en, x.id, x.destino)))


def measure_images(app: App, table: TableSpec, slices: Collection[str]) -> Measure:
    """The newest images of some slices."""
    images = [i for place in app.outbox.index.locations() for i in app.outbox.index.images(place, table.name) if i.slice in slices]
    return Measure(sum(i.rows for i in images), str(sum(int(i.digest) for i in images)))


def measure_sink(app: App, sink: SinkName, table: TableSpec, slices: Collection[str], wait: float) -> Measure:
    """What a sink holds of some slices.

    Raises:
        SinkAway: if it can't be read.
    """
    if sink is SinkName.DUCKDB:
        with open_file(app.settings, write=False, wait=wait, purpose="fluxion repair") as file:
            return _measure(DuckdbSide(file), table, slices)
    with connect(app.settings, read_only=True) as connection:
        return _measure(PostgresqlSide(connection), table, slices)


def _measure(side: Side, table: TableSpec, slices: Collection[str]) -> Measure:
    wanted = [v for v, g in groups(side, Chunk(table, None, 0)).items() if g.slice in slices]
    chunk = Chunk(table, tuple(wanted) if table.slice_columns else None, 0)
    found = groups(side, chunk, side.digest(table)).values() if wanted else ()
    return Measure(sum(g.rows for g in found), str(sum(int(g.also or 0) for g in found)))
