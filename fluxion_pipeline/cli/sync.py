"""``fluxion sync``: bring sinks up to date from the outbox, and prove it."""

from __future__ import annotations

from typing import Annotated

import typer

from fluxion_pipeline import pause
from fluxion_pipeline.cli.console import err, fail, out, rows_done, speaking
from fluxion_pipeline.contracts.outcomes import Mode, SinkName, Verdict
from fluxion_pipeline.errors import FluxionError
from fluxion_pipeline.landing.tables import own_tables
from fluxion_pipeline.operations import mode
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.operations.bring_up import bring_up
from fluxion_pipeline.operations.prove_alone import prove_alone
from fluxion_pipeline.parity.prove import prove
from fluxion_pipeline.settings import load
from fluxion_pipeline.sinks.claim import claim
from fluxion_pipeline.sinks.own_tables import make


def sync(to: Annotated[SinkName | None, typer.Option("--to", help="The sink; default: every active one.")] = None) -> None:
    """Migrate, bring up to date from the images, and prove: catch-up, rebuild and mode change are this.

    Proven are both databases against each other; one that is active alone, or isn't active, row by row against the lotes.
    A new, restored or foreign database is filled in chunks while the schedules go on; killed, run it again: it goes on where it was.
    """
    with speaking():
        app = App(load())
        pause.check(app.settings.home)
        targets = (to,) if to else app.settings.db_mode.sinks
        app.outbox.land_locations(app.registry)
        mode.know(app)
    failed = filled = False
    for name in targets:
        try:
            sink = app.sink(name)
            sink.migrate()
            claim(sink, app.outbox)
            with rows_done() as told:
                report = bring_up(app, name, progress=told, whole=True)
            filled = filled or report.copied > 0
            make(sink, tuple(own_tables(app.settings.home).values()))
            written = sum(r.counts.written for r in report.receipts)
            out.print(f"{name}: up to date, {written:,} rows written")
        except FluxionError as error:
            fail(error)
            failed = True
    if failed:
        raise typer.Exit(2)
    if app.settings.db_mode is Mode.DUAL:
        _prove_both(app, full=filled)
    else:
        for name in targets:
            _prove_by_lotes(app, name)


def _prove_both(app: App, *, full: bool) -> None:
    with speaking():
        found = prove(app.settings, full=full)
    for table in found.tables:
        out.print(f"parity: {table.table}: {table.verdict}" + (f" ({table.reason})" if table.reason else ""))
    if found.verdict is not Verdict.IGUAL:
        err.print("not proven equal: fluxion parity says what differs")
        raise typer.Exit(2)


def _prove_by_lotes(app: App, name: SinkName) -> None:
    differing = []
    with speaking():
        for leg in prove_alone(app, name):
            total = leg.total
            counts = f"{total.missing} missing, {total.extra} extra, {total.changed} changed, {total.doubled_postgresql} doubled"
            verdict = f"{Verdict.DIFERENTE} ({counts})" if leg.slices else f"{Verdict.IGUAL} ({leg.rows:,} rows)"
            out.print(f"{name} and its lotes: {leg.table}: {verdict}")
            differing += [leg.table] if leg.slices else []
    if differing:
        mode_of = "" if name in app.settings.db_mode.sinks else f"DB_MODE={Mode.DUAL} "
        err.print(f"{name} isn't what its lotes say: {mode_of}fluxion repair {differing[0]} --from lote shows what differs")
        raise typer.Exit(2)
