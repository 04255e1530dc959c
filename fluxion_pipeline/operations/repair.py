"""Repair: make a table equal again to what landing decided, and prove it.

From the lote it is the ordinary convergence, forced on the slices that differ. From a sink it would be
a landing (the sink's rows become new images); that isn't decided yet, and so it is refused.
Before this: ``parity.images``; after it: ``cli.repair``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fluxion_pipeline.contracts.outcomes import Mode, SinkName, Verdict
from fluxion_pipeline.contracts.tables import TableSpec
from fluxion_pipeline.errors import ContractError, ConvergenceError
from fluxion_pipeline.landing.tables import compared_tables, landed_tables, table_of
from fluxion_pipeline.operations import mode
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.parity.images import Leg, against_images
from fluxion_pipeline.parity.prove import prove
from fluxion_pipeline.sinks.converge import converge
from fluxion_pipeline.sinks.protocol import Counts

MANY_ROWS = 10_000
"""More rows than a repair by hand should write unasked."""

FEW_ROWS = 100
SHARE = 0.05
"""More than ``FEW_ROWS`` rows and more than this share of the slices involved look like another kind of trouble."""


@dataclass(frozen=True)
class Repaired:
    """What a repair wrote in one sink."""

    sink: SinkName
    counts: Counts


def examine(app: App, table: str, wait: float = 20.0) -> tuple[Leg, ...]:
    """Compare a landed table of every active sink with its images; changes nothing.

    Raises:
        ContractError: if there is no such table, or nothing of it is ever landed.
        SinkAway: if a sink can't be read.
    """
    item = _landed(app, table)
    return tuple(against_images(app.settings, app.outbox, name, item, wait) for name in app.settings.db_mode.sinks)


def refusal(legs: Sequence[Leg]) -> str | None:
    """Why a repair should not be done without being asked twice; None: it may be done. Pure."""
    for leg in legs:
        if leg.to_write and not leg.wanted and leg.rows:
            return f"the lotes have no rows of {leg.table}, {leg.sink} has {leg.rows}"
        if leg.to_write > MANY_ROWS:
            return f"{leg.to_write} rows of {leg.table} would be written in {leg.sink}, more than {MANY_ROWS}"
        if leg.to_write > FEW_ROWS and leg.to_write > SHARE * leg.involved:
            return f"{leg.to_write} rows of {leg.table} would be written in {leg.sink}, more than {SHARE:.0%} of the {leg.involved} in the slices involved"
    return None


def repair(app: App, legs: Sequence[Leg], wait: float = 20.0) -> tuple[Repaired, ...]:
    """Make the differing slices equal to their images, and prove the table: against the images, and sink against sink.

    Args:
        app: the opened home.
        legs: what ``examine`` found.
        wait: seconds to wait for the DuckDB file.

    Raises:
        SinkAway: if a sink can't be used now.
        SinkRefused: if a sink isn't this outbox's.
        ConvergenceError: if some slice could not be made equal, or the proof fails.
    """
    done = []
    for leg in legs:
        if not leg.to_write:
            continue
        report = converge(app.sink(leg.sink), app.outbox, [], force={leg.table: set(leg.slices)}, clock=app.clock)
        mode.wrote(app)
        if report.failures:
            raise ConvergenceError("; ".join(f"{place}: {why}" for place, why in report.failures.items()), "mend the cause and run the repair again")
        done.append(Repaired(leg.sink, report.of(leg.table)))
    _prove(app, legs, wait)
    return tuple(done)


def _prove(app: App, legs: Sequence[Leg], wait: float) -> None:
    for leg in legs:
        after = against_images(app.settings, app.outbox, leg.sink, _landed(app, leg.table), wait)
        if after.to_write:
            raise ConvergenceError(
                f"{leg.table} in {leg.sink} still differs from its images by {after.to_write} rows", "look whether somebody else writes it, and repair again"
            )
    tables = {leg.table for leg in legs} & set(compared_tables(app.settings.home))
    if app.settings.db_mode is Mode.DUAL and tables:
        report = prove(app.settings, sorted(tables), wait=wait)
        if report.verdict is not Verdict.IGUAL:
            raise ConvergenceError("; ".join(f"{t.table}: {t.verdict} ({t.reason})" for t in report.tables), "fluxion parity says what differs")


def _landed(app: App, table: str) -> TableSpec:
    landed, compared = landed_tables(app.settings.home), compared_tables(app.settings.home)
    if table not in landed:
        kept = f"{table} is not landed: there are no lotes to repair it from" if table in compared else f"there is no table «{table}»"
        raise ContractError(kept, f"the tables are: {', '.join(landed)}")
    return table_of(app.settings.home, table)
