"""Repair from the lotes: make a table equal again to what landing decided, and prove it; and the limits of every repair.

From the lote it is the ordinary convergence, forced on the slices that differ, so a sink that is only
behind is brought up to date by it too. From a sink it is a landing: ``operations.repair_from_sink``.
Before this: ``parity.images``; after it: ``cli.repair``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from fluxion_pipeline.contracts.outcomes import Mode, SinkName, Verdict
from fluxion_pipeline.contracts.tables import TableSpec
from fluxion_pipeline.errors import ContractError, ConvergenceError
from fluxion_pipeline.landing.tables import compared_tables, landed_tables, table_of
from fluxion_pipeline.operations import mode
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.operations.parity_history import record
from fluxion_pipeline.operations.repairs import Asked, Measure, Origin, asked, line, measure_sink, remember
from fluxion_pipeline.parity.images import Leg, against_images
from fluxion_pipeline.parity.prove import prove
from fluxion_pipeline.parity.report import ParityReport
from fluxion_pipeline.sinks.converge import converge
from fluxion_pipeline.sinks.protocol import Counts
from fluxion_pipeline.sinks.slices import owner

MANY_ROWS = 10_000
"""More rows than a repair by hand should write unasked."""

FEW_ROWS = 100
SHARE = 0.05
"""More than ``FEW_ROWS`` rows and more than this share of the slices involved look like another kind of trouble."""


@dataclass(frozen=True)
class Writing:
    """What a repair would write in one place.

    Attributes:
        target: the lotes, or a sink.
        inserts: rows that are missing there.
        changes: rows that have other values there.
        deletes: rows that are too many there.
        involved: rows of the slices involved, on the side that is copied from.
        available: all rows of the table on that side.
    """

    target: Origin
    inserts: int
    changes: int
    deletes: int
    involved: int
    available: int

    @property
    def rows(self) -> int:
        """All of them."""
        return self.inserts + self.changes + self.deletes


@dataclass(frozen=True)
class Repaired:
    """What a repair wrote in one place: rows inserted, changed, deleted."""

    target: Origin
    rows: tuple[int, int, int]


def examine(app: App, table: str, wait: float = 20.0) -> tuple[Leg, ...]:
    """Compare a landed table of every active sink with its images; changes nothing.

    Raises:
        ContractError: if there is no such table, or nothing of it is ever landed.
        SinkAway: if a sink can't be read.
    """
    item = _landed(app, table)
    return tuple(against_images(app.settings, app.outbox, name, item, wait) for name in app.settings.db_mode.sinks)


def writings(legs: Sequence[Leg]) -> list[Writing]:
    """What a repair from the lotes would write in each sink."""
    found = []
    for leg in legs:
        total = leg.total
        found.append(Writing(Origin(leg.sink.value), total.missing, total.changed, total.extra + total.doubled_postgresql, leg.involved, leg.wanted))
    return found


def refusal(table: str, origin: Origin, planned: Sequence[Writing]) -> str | None:
    """Why a repair should not be done without being asked twice; None: it may be done. Pure."""
    for item in planned:
        where = f"in {item.target}" if item.target is not Origin.LOTE else "in the lotes"
        if item.rows and not item.available:
            return f"{'the lotes have' if origin is Origin.LOTE else f'{origin} has'} no rows of {table} at all, and {item.rows} would be deleted {where}"
        if item.rows > MANY_ROWS:
            return f"{item.rows} rows of {table} would be written {where}, more than {MANY_ROWS}"
        if item.rows > FEW_ROWS and item.rows > SHARE * item.involved:
            return f"{item.rows} rows of {table} would be written {where}, more than {SHARE:.0%} of the {item.involved} in the slices involved"
    return None


def repair(app: App, legs: Sequence[Leg], wait: float = 20.0, request: Asked | None = None) -> tuple[Repaired, ...]:
    """Make the differing slices equal to their images, prove the table (against the images, and sink against sink), and record it.

    Args:
        app: the opened home.
        legs: what ``examine`` found.
        wait: seconds to wait for the DuckDB file.
        request: who asked for it; None: the OS user, unforced.

    Raises:
        SinkAway: if a sink can't be used now.
        SinkRefused: if a sink isn't this outbox's.
        ConvergenceError: if some slice could not be made equal, or the proof fails.
    """
    differing = [leg for leg in legs if leg.to_write]
    if not differing:
        return ()
    table = table_of(app.settings.home, differing[0].table)
    request = request or asked(app, table.name, Origin.LOTE, forced=False)
    before = {leg.sink: measure_sink(app, leg.sink, table, leg.slices, wait) for leg in differing}
    done: dict[SinkName, Counts] = {}
    after: dict[SinkName, Measure] = {}
    try:
        for leg in differing:
            done[leg.sink] = converge_or_fail(app, leg.sink, table.name, leg.slices)
        prove_equal(app, table.name, wait)
        after = {leg.sink: measure_sink(app, leg.sink, table, leg.slices, wait) for leg in differing}
    finally:
        told = [leg for leg in differing if leg.sink in done]
        if told:
            remember(app, [line(request, Origin(x.sink.value), x.slices, _rows(done[x.sink]), before[x.sink], after.get(x.sink)) for x in told])
    return tuple(Repaired(Origin(sink.value), _rows(counts)) for sink, counts in done.items())


def _rows(counts: Counts) -> tuple[int, int, int]:
    return counts.inserted, counts.changed, counts.deleted


def converge_or_fail(app: App, sink: SinkName, table: str, slices: Collection[str]) -> Counts:
    """Make some slices of a table equal to their images, whatever the ledger says; the rows written.

    Raises:
        SinkAway: if the sink can't be used now.
        SinkRefused: if it isn't this outbox's.
        ConvergenceError: if some slice could not be made equal.
    """
    places = {owner(table, s) for s in slices} & set(app.outbox.index.locations())
    report = converge(app.sink(sink), app.outbox, sorted(places), force={table: set(slices)}, clock=app.clock)
    mode.wrote(app)
    if report.failures:
        raise ConvergenceError("; ".join(f"{place}: {why}" for place, why in report.failures.items()), "mend the cause and run the repair again")
    return report.of(table)


def prove_equal(app: App, table: str, wait: float, slices: Mapping[str, Collection[str]] | None = None) -> None:
    """Prove a table whole, and of other tables some slices: every active sink against the images, and sink against sink.

    Raises:
        ConvergenceError: if something differs.
        SinkAway: if a sink can't be read.
    """
    names = [table, *(slices or {})]
    for sink in app.settings.db_mode.sinks:
        for name in names:
            only = None if name == table else (slices or {})[name]
            wrong = against_images(app.settings, app.outbox, sink, table_of(app.settings.home, name), wait, only).slices
            if wrong:
                raise ConvergenceError(
                    f"{name} in {sink} still differs from its images in {', '.join(sorted(wrong))}", "look whether somebody else writes it, and repair again"
                )
    known = compared_tables(app.settings.home)
    compared = [n for n in names if n in known]
    if app.settings.db_mode is Mode.DUAL and compared:
        report = prove(app.settings, compared, full=True, wait=wait, slices=dict(slices or {}))
        record(app.settings.home, ParityReport(tuple(t for t in report.tables if t.table == table)), app.clock())
        bad = [t for t in report.tables if t.verdict is not Verdict.IGUAL and (t.verdict is Verdict.DIFERENTE or t.rows_duckdb or t.rows_postgresql)]
        if bad:
            raise ConvergenceError("; ".join(f"{t.table}: {t.verdict} ({t.reason})" for t in bad), "fluxion parity says what differs")


def _landed(app: App, table: str) -> TableSpec:
    landed, compared = landed_tables(app.settings.home), compared_tables(app.settings.home)
    if table not in landed:
        kept = f"{table} is not landed: there are no lotes to repair it from" if table in compared else f"there is no table «{table}»"
        raise ContractError(kept, f"the tables are: {', '.join(landed)}")
    return table_of(app.settings.home, table)
