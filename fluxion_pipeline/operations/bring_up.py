"""Bring a sink up to date, and tell what a run wrote of each table.

A sink that owes very much is copied in chunks (``sinks.copying``): ``fluxion sync`` to the end, a run only some
of it, and nothing while a sync does.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from fluxion_pipeline.contracts.outcomes import SinkName
from fluxion_pipeline.contracts.sqltext import quote
from fluxion_pipeline.errors import BusyError, ConvergenceError
from fluxion_pipeline.locks import hold, is_free
from fluxion_pipeline.operations import drifts, mode
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.sinks.converge import Progress, converge
from fluxion_pipeline.sinks.protocol import SinkReport

COPIED_BY_A_RUN = 1_000_000
"""Rows that a run copies of a sink that is filled anew: about half a minute; the next one goes on."""


def bring_up(app: App, sink: SinkName, *, run_id: str | None = None, progress: Progress | None = None, whole: bool = False) -> SinkReport:
    """Make a sink equal to the newest images of everything that it owes.

    Args:
        app: the home.
        sink: which one.
        run_id: written into the sink's log.
        progress: told of rows after each transaction.
        whole: copy all that is to be copied; else some of it, or nothing while somebody copies all of it.

    Raises:
        SinkAway: if it can't be used now; what was owed is still owed.
        SinkRefused: if it belongs to another outbox, or is ahead of this one.
        ConvergenceError: if some location could not be brought up to date; the others were.
    """
    lock = _lock(app, sink)
    with ExitStack() as held:
        if whole:
            with suppress(BusyError):  # two of them do each other no harm
                held.enter_context(hold(lock, wait=0, purpose="fluxion sync"))
        limit = None if whole else COPIED_BY_A_RUN if is_free(lock) else 0
        chunk = app.settings.fluxion_copy_rows
        report = converge(app.sink(sink), app.outbox, run_id=run_id, clock=app.clock, progress=progress, limit=limit, chunk=chunk)
    drifts.take_over(app, sink, report.notes)
    mode.wrote(app)
    if report.failures:
        causes = "; ".join(f"{place}: {why}" for place, why in report.failures.items())
        raise ConvergenceError(f"{sink} could not be brought up to date for {len(report.failures)} locations: {causes}", "mend the cause and run: fluxion sync")
    return report


def _lock(app: App, sink: SinkName) -> Path:
    """Held by whoever fills a sink anew: runs leave that to it."""
    return app.locks / f"copia-{sink}.lock"


@dataclass(frozen=True)
class TableWrite:
    """What a run wrote of one table of a sink, in rows; and how many rows the table has now."""

    inserted: int
    changed: int
    deleted: int
    unchanged: int
    seconds: float
    rows: int


def written(app: App, sink: SinkName, tables: Sequence[str], run_id: str) -> dict[str, TableWrite]:
    """What a run wrote of some tables, by the sink's own log, and how many rows they have now; one look at the sink.

    Raises:
        SinkAway: if it can't be read now.
    """
    run = run_id.replace("'", "''")
    logged = f"""
        SELECT tabla, sum(insertadas), sum(cambiadas), sum(borradas), sum(iguales), sum(segundos) FROM lotes_registro WHERE run_id = '{run}' GROUP BY tabla
    """  # noqa: S608 an id that Dagster made
    lines, *counts = app.sink(sink).answers([logged, *(f"SELECT count(*) FROM {quote(t)}" for t in tables)])  # noqa: S608 quoted names
    by_table = {line[0]: line[1:] for line in lines}
    result = {}
    for table, ((rows,),) in zip(tables, counts, strict=True):
        inserted, changed, deleted, unchanged, seconds = by_table.get(table, (0, 0, 0, 0, 0.0))
        result[table] = TableWrite(int(inserted), int(changed), int(deleted), int(unchanged), float(seconds), int(rows))
    return result
