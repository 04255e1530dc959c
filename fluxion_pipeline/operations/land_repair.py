"""A sink's rows of some slices become readings of provenance ``repair``, and land.

A location's slices land under one lock, after its ledger was seen to be at their newest version. Of
stock the newest tick lands again, so that the history agrees.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pyarrow as pa

from fluxion_pipeline.contracts.outcomes import Fact, Provenance, SinkName
from fluxion_pipeline.contracts.tables import spec
from fluxion_pipeline.errors import ContractError, ConvergenceError, SinkAway
from fluxion_pipeline.landing.decide.dimensions import EVERYWHERE
from fluxion_pipeline.landing.digest import digest_of
from fluxion_pipeline.landing.index import stamp
from fluxion_pipeline.landing.past import Past
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.operations.repairs import Asked
from fluxion_pipeline.operations.sink_rows import rows_of
from fluxion_pipeline.sources.protocol import MET_SCHEMA, Reading, no_rejects

STOCK = Fact.INVENTARIO.value
ROUNDS = 8
"""How often slices are looked at again that changed because a key left or came back: each key settles at once."""


@dataclass(frozen=True)
class Landed:
    """The lotes of a repair, and the slices that they wrote, by table."""

    lotes: tuple[str, ...] = ()
    slices: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def __add__(self, other: Landed) -> Landed:
        """Both together."""
        tables = {*self.slices, *other.slices}
        return Landed((*self.lotes, *other.lotes), {t: self.of(t) | other.of(t) for t in tables})

    def of(self, table: str) -> frozenset[str]:
        """The slices of one table."""
        return self.slices.get(table, frozenset())


def newest_tick(app: App, location: str) -> str:
    """The newest landed tick of a location: the one that ``inventario_actual`` shows.

    Raises:
        ContractError: if none ever landed.
    """
    found = app.outbox.index.slices(location, "inventario_cortes", f"{location}/", f"{location}/\U0010ffff")
    if not found:
        raise ContractError(f"no tick of {location} ever landed: there is none that its stock could be of", f"fluxion run inventario --ubicacion {location}")
    return found[-1].rpartition("/")[2]


def land(app: App, source: SinkName, fact: Fact, location: str, slices: Collection[str], repair: Asked) -> Landed:
    """Land a sink's rows of some slices of one location as they are.

    Days in which a key comes back because another day dropped it are landed too, until the images
    are what the sink holds.

    Raises:
        ContractError: if a slice was seen, as it stands, later than this machine's clock says.
        SinkAway: if the sink isn't at the newest version, or can't be used now.
        ConvergenceError: if the images don't become what the sink holds.
    """
    with app.outbox.lock(location) as past:
        since = app.outbox.index.sequence(location)
        _at_newest(app, source, location)
        lotes: list[str] = []
        instants = _instants(app)
        todo: Collection[str] = slices
        for _ in range(ROUNDS):
            for slice_, rows in rows_of(app, source, fact, location, todo).items():
                lotes.append(_one(app, past, _reading(app, fact, location, slice_, rows, source, repair, next(instants))))
            todo = _differing(app, source, fact, location, since)
            if not todo:
                break
        else:
            raise ConvergenceError(f"the images of {', '.join(todo)} don't become what {source} holds", "stop what writes that sink, then repair again")
        written: dict[str, set[str]] = {}
        for image in app.outbox.index.images(location, since=since):
            written.setdefault(image.table, set()).add(image.slice)
    return Landed(tuple(lotes), {t: frozenset(s) for t, s in written.items()})


def _at_newest(app: App, source: SinkName, location: str) -> None:
    with app.sink(source).session("looking") as session:
        upto = int(session.meta().get(f"hasta:{location}", "0"))
    owed = app.outbox.owed(location, upto)
    if owed:
        raise SinkAway(str(source), f"{source} is behind: {location} landed meanwhile, and it lacks {len(owed)} slices", "fluxion sync")


def _instants(app: App) -> Iterator[datetime]:
    """Instants that grow, also under a clock that stands still: a later repair of a slice is the later one."""
    last = app.clock()
    while True:
        yield last
        last = max(app.clock(), last + timedelta(microseconds=1))


def _reading(app: App, fact: Fact, location: str, slice_: str, rows: pa.Table, source: SinkName, repair: Asked, at: datetime) -> Reading:
    cut = {Fact.VENTAS: slice_.rpartition("/")[2], Fact.CATALOGO: EVERYWHERE}.get(fact) or newest_tick(app, location)
    return Reading(
        fact,
        location,
        cut,
        at,
        rows,
        no_rejects(),
        read=rows.num_rows,
        reason=repair.reason,
        origin=f"reparacion: {source}",
        met=None if fact is Fact.CATALOGO else _met(rows),
        provenance=Provenance.REPAIR,
    )


def _met(rows: pa.Table) -> pa.Table:
    codes = rows.column("producto_codigo").unique().to_pylist()
    return pa.Table.from_pylist([{"codigo": c, "descripcion": None, "categoria": None, "marca": None} for c in codes], schema=MET_SCHEMA)


def _one(app: App, past: Past, reading: Reading) -> str:
    told = app.outbox.land(reading, past)
    if not told.applied:
        _, seen, _ = past.attempt(reading.fact, reading.cut)
        raise ContractError(
            f"{reading.location} {reading.cut} was seen as it stands at {seen}, and this machine's clock says {stamp(reading.read_at)}", "set the clock right"
        )
    return str(told.lote_id)


def _differing(app: App, source: SinkName, fact: Fact, location: str, since: int) -> tuple[str, ...]:
    """The slices that were written since a lote and aren't what the sink holds."""
    table = spec(fact.value)
    images = {i.slice: i for i in app.outbox.index.images(location, table.name, since=since)}
    if not images:
        return ()
    held = rows_of(app, source, fact, location, images)
    return tuple(s for s, i in images.items() if (i.rows, i.digest) != (held[s].num_rows, digest_of(held[s], table.columns)))
