"""Repair from a sink: its differing slices land as new images, and every active sink converges to them.

It is a landing, so the next lote doesn't undo it: the reading that stood still stands, and only a
newer one that says something else replaces what was repaired. Before this: ``operations.sink_rows``,
``parity.images``; after it: ``cli.repair``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from fluxion_pipeline.contracts.outcomes import Fact, Mode, SinkName, Verdict
from fluxion_pipeline.contracts.tables import CONTRACT_TABLES, LANDED_TABLES, TableSpec, spec
from fluxion_pipeline.errors import ContractError, SettingsError, SinkAway, TransientError
from fluxion_pipeline.landing.tables import own_tables
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.operations.land_repair import STOCK, Landed, land, newest_tick
from fluxion_pipeline.operations.repair import Repaired, Writing, converge_or_fail, prove_equal
from fluxion_pipeline.operations.repairs import Asked, Measure, Origin, line, measure_images, measure_sink, remember
from fluxion_pipeline.operations.sink_rows import check
from fluxion_pipeline.parity.images import Leg, against_images
from fluxion_pipeline.parity.prove import prove
from fluxion_pipeline.parity.report import TableParity
from fluxion_pipeline.sinks.claim import check_claim
from fluxion_pipeline.sinks.converge import pending
from fluxion_pipeline.sinks.slices import owner

FACTS: dict[str, Fact] = {f.value: f for f in Fact}
"""The tables that can be repaired from a sink, and the facts that they are."""

_LOTE = "fluxion repair {table} --from lote"
ELSEWHERE: dict[str, tuple[str, str]] = {
    "inventario_historico": (
        "its rows are changes from tick to tick, and mean nothing one by one",
        f"{_LOTE}; or the newest tick: fluxion repair {STOCK} --from {{source}}",
    ),
    "inventario_cortes": ("it follows from the ticks that landed", _LOTE),
    "cobertura": ("it tells of readings, which a sink can't know better than the lotes", _LOTE),
    "rechazos": ("it tells of readings, which a sink can't know better than the lotes", _LOTE),
    "reparaciones": ("it tells of repairs, which a sink can't know better than the lotes", _LOTE),
    "ubicaciones": ("ubicaciones.csv owns it", "correct ubicaciones.csv, then: fluxion init"),
}
"""The landed tables that can't, why, and how they are mended."""


@dataclass(frozen=True)
class Copying:
    """What a repair from a sink would do.

    Attributes:
        source: the sink that is taken to be right.
        table: the table.
        legs: each active sink against its images.
        apart: both sinks against each other; None with one active sink.
    """

    source: SinkName
    table: str
    legs: tuple[Leg, ...]
    apart: TableParity | None

    @property
    def leg(self) -> Leg:
        """The source against its images: what would land."""
        return next(x for x in self.legs if x.sink is self.source)

    @property
    def slices(self) -> frozenset[str]:
        """Every slice that differs anywhere."""
        return frozenset(s for leg in self.legs for s in leg.slices) | (self.apart.differing if self.apart else frozenset())

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self.slices

    def writings(self, app: App) -> Iterator[Writing]:
        """What would be written where."""
        total, involved = self.leg.total, self._held(app, self.leg.slices)
        yield Writing(Origin.LOTE, total.extra, total.changed, total.missing, involved, self.leg.rows)
        if total.doubled_postgresql:
            yield Writing(Origin(self.source.value), 0, 0, total.doubled_postgresql, involved, self.leg.rows)
        for sink in [x.sink for x in self.legs if x.sink is not self.source]:
            written = self._other()
            yield Writing(Origin(sink.value), *written, self._held(app, self.apart.differing if self.apart else ()), self.leg.rows)

    def _held(self, app: App, slices: Collection[str]) -> int:
        """How many rows the source has of some slices."""
        found = {s: d for s, d in self.leg.slices.items() if s in slices}
        return measure_images(app, spec(self.table), slices).rows + sum(d.extra - d.missing for d in found.values())

    def _other(self) -> tuple[int, int, int]:
        """Rows to insert, change and delete in the other sink."""
        a = self.apart
        if a is None:
            return 0, 0, 0
        if self.source is SinkName.DUCKDB:
            return a.missing_in_postgresql, a.changed, a.missing_in_duckdb + a.duplicated_in_postgresql
        return a.missing_in_duckdb, a.changed, a.missing_in_postgresql + a.duplicated_in_duckdb


def examine(app: App, table: str, source: SinkName, wait: float = 20.0) -> Copying:
    """Find what a repair from a sink would do; changes nothing.

    Raises:
        ContractError: if the table can't be repaired from a sink, or the sink holds what no image may have.
        SettingsError: if the mode doesn't write that sink.
        SinkAway: if a sink can't be used now, or hasn't all that it is owed: slices at different versions say nothing.
        SinkRefused: if a sink isn't this outbox's.
    """
    fact = _fact(app, table, source)
    if source not in app.settings.db_mode.sinks:
        raise SettingsError(f"DB_MODE={app.settings.db_mode} doesn't write {source}", "set DB_MODE=dual, then: fluxion sync")
    for sink in app.active:
        behind(app, sink.name)
    check(app, source, spec(table))
    legs = tuple(against_images(app.settings, app.outbox, name, spec(table), wait) for name in app.settings.db_mode.sinks)
    found = Copying(source, table, legs, _apart(app, table, wait))
    if fact is Fact.INVENTARIO:
        for place in found.leg.slices:
            newest_tick(app, place)
    return found


def _fact(app: App, table: str, source: SinkName) -> Fact:
    if table in FACTS:
        return FACTS[table]
    if table in ELSEWHERE:
        why, remedy = ELSEWHERE[table]
        raise ContractError(f"{table} can't be repaired from {source}: {why}", remedy.format(table=table, source=source))
    if table in own_tables(app.settings.home):
        raise ContractError(f"{table} can't be repaired from {source}: its rows are what its asset computes", f"materialize tablas/{table} again")
    if table in LANDED_TABLES:
        raise ContractError(f"{table} can't be repaired from {source}", _LOTE.format(table=table))
    kept = f"{table} is not landed: there are no lotes that a repair could replace" if table in CONTRACT_TABLES else f"there is no table «{table}»"
    raise ContractError(kept, f"from a sink can be repaired: {', '.join(FACTS)}")


def behind(app: App, name: SinkName) -> None:
    """A sink has all that it is owed.

    Raises:
        SinkAway: if it hasn't, or can't be used now.
        SinkRefused: if it isn't this outbox's.
    """
    with app.sink(name).session("looking") as session:
        check_claim(app.sink(name), app.outbox, session.meta())
        late = pending(session, app.outbox)
    if late:
        raise SinkAway(str(name), f"{name} is behind: it lacks {sum(late.values())} slices of {', '.join(late)}", "fluxion sync")


def _apart(app: App, table: str, wait: float) -> TableParity | None:
    if app.settings.db_mode is not Mode.DUAL:
        return None
    (found,) = prove(app.settings, [table], full=True, wait=wait).tables
    if found.verdict is Verdict.NO_CONCLUYENTE and (found.rows_duckdb, found.rows_postgresql) != (0, 0):
        raise TransientError(f"it can't be told how the sinks differ: {found.reason}", f"fluxion parity {table}")
    return found


def copy(app: App, plan: Copying, repair: Asked, wait: float = 20.0) -> tuple[Repaired, ...]:
    """Land the source's differing slices, make every active sink equal to the images, and prove it.

    Args:
        app: the opened home.
        plan: what ``examine`` found.
        repair: who asked for it.
        wait: seconds to wait for the DuckDB file.

    Raises:
        ContractError: if a slice could not be landed.
        SinkAway: if a sink can't be used now; what landed is owed to it.
        ConvergenceError: if some slice could not be made equal, or the proof fails.
    """
    table, slices, active = spec(plan.table), plan.slices, app.settings.db_mode.sinks
    before = _measures(app, table, slices, active, wait)
    total = plan.leg.total
    done = {Origin.LOTE: (total.extra, total.changed, total.missing)}  # planned; where it isn't proven, some of it
    after: Mapping[Origin, Measure] = {}
    landed, places = Landed(), _by_place(plan)
    begun = {place: app.outbox.index.sequence(place) for place in places}
    try:
        for place, mine in places.items():
            landed += land(app, plan.source, FACTS[plan.table], place, mine, repair)
        app.outbox.land_met()
        for name in active:
            counts = converge_or_fail(app, name, plan.table, slices | landed.of(plan.table))
            done[Origin(name.value)] = (counts.inserted, counts.changed, counts.deleted)
        prove_equal(app, plan.table, wait, {t: s for t, s in landed.slices.items() if t != plan.table})
        after = _measures(app, table, slices, active, wait)
    finally:
        if len(done) > 1 or any(app.outbox.index.sequence(place) > upto for place, upto in begun.items()):
            remember(app, [line(repair, t, slices, rows, before[t], after.get(t)) for t, rows in done.items() if any(rows)])
    return tuple(Repaired(t, rows) for t, rows in done.items())


def _measures(app: App, table: TableSpec, slices: Collection[str], sinks: Collection[SinkName], wait: float) -> dict[Origin, Measure]:
    """Lotes and sinks, as they are."""
    return {Origin.LOTE: measure_images(app, table, slices), **{Origin(n.value): measure_sink(app, n, table, slices, wait) for n in sinks}}


def _by_place(plan: Copying) -> Mapping[str, list[str]]:
    result: dict[str, list[str]] = {}
    for name in sorted(plan.leg.slices):
        result.setdefault(owner(plan.table, name), []).append(name)
    return result
