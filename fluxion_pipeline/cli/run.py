"""``fluxion run catalogo|inventario|ventas|recuperacion|limpieza``: a job from reading to parity, in this process."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from fluxion_pipeline import pause
from fluxion_pipeline.cli.console import Debug, err, fail, out, show, speaking
from fluxion_pipeline.contracts.clock import parse_day, parse_tick
from fluxion_pipeline.contracts.outcomes import Fact, Verdict
from fluxion_pipeline.errors import ContractError, FluxionError
from fluxion_pipeline.operations import mode
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.operations.execute import RunOutcome
from fluxion_pipeline.operations.land import JOBS, LandingReport, Request, check_request
from fluxion_pipeline.settings import load

app = typer.Typer(help="Read what is new, write it to every active database (sink), and prove that they are equal.", no_args_is_help=True)

WARNINGS = 6
"""Oddities of readings that are printed; a long load has many, and coverage tells of those that stand."""

Places = Annotated[
    list[str] | None, typer.Option("--ubicacion", metavar="CODE", help="codigo, codigo_etl or id; repeat it for more; default: all active ones.")
]
Wait = Annotated[float, typer.Option("--wait", min=0, metavar="SECONDS", help="Seconds to wait for another run of this job.")]
Force = Annotated[bool, typer.Option("--force", help="Go on although DB_MODE has changed and the new primary can't be brought up to date.")]

Accept = Annotated[bool, typer.Option("--accept", help="Apply readings that look suspicious, those that are held back included.")]


@app.command()
def catalogo(ubicacion: Places = None, wait: Wait = 60.0, force: Force = False, accept: Accept = False) -> None:
    """Read the catalogue and the map of locations."""
    go(Request(Fact.CATALOGO, locations=tuple(ubicacion or ()), wait=wait, accept=accept), force=force)


@app.command()
def inventario(
    tick: Annotated[
        str | None, typer.Option("--tick", metavar="TICK", help="Local time YYYY-MM-DDTHHMM of a snapshot; default: all that hasn't been read yet.")
    ] = None,
    ubicacion: Places = None,
    wait: Wait = 60.0,
    force: Force = False,
    accept: Accept = False,
) -> None:
    """Read stock snapshots."""
    with speaking():
        if tick is not None:
            parse_tick(tick)
    go(Request(Fact.INVENTARIO, tick, tick, tuple(ubicacion or ()), wait, accept), force=force)


@app.command()
def ventas(
    since: Annotated[str | None, typer.Option("--from", metavar="DAY", help="First business day YYYY-MM-DD; default: all that hasn't been read yet.")] = None,
    until: Annotated[str | None, typer.Option("--to", metavar="DAY", help="Last business day YYYY-MM-DD, included.")] = None,
    ubicacion: Places = None,
    wait: Wait = 60.0,
    force: Force = False,
    accept: Accept = False,
) -> None:
    """Read sales by business day."""
    with speaking():
        days = [parse_day(x) for x in (since, until) if x is not None]
        if len(days) == 2 and days[0] > days[1]:
            raise ContractError(f"--from {since} is after --to {until}", "swap them")
    go(Request(Fact.VENTAS, since, until, tuple(ubicacion or ()), wait, accept), force=force)


@app.command()
def recuperacion(ubicacion: Places = None, wait: Wait = 60.0, force: Force = False, accept: Accept = False) -> None:
    """Read sales again as each night does: every day that isn't closed, however old, then the newest closed ones."""
    go(Request(Fact.VENTAS, locations=tuple(ubicacion or ()), wait=wait, accept=accept, recovery=True), force=force)


@app.command()
def limpieza() -> None:
    """Let go what the settings FLUXION_KEEP_* no longer keep, put images of old months together, and say how long the disk will do: as each night."""
    with speaking():
        here = App(load())
        mode.check_ready(here)
        pause.check(here.settings.home)
        from fluxion_pipeline.defs.execute import execute_cleaning

        numbers, warnings = execute_cleaning(here, loud=Debug.on)
    for name, value in numbers.items():
        out.print(f"{name}: {value:,}")
    for check, text in warnings.items():
        err.print(f"[yellow]warning:[/] {escape(check)}: {escape(text)}")


def go(request: Request, *, force: bool = False, home: App | None = None) -> RunOutcome:
    """Run a job, tell what it came to, and exit with its code unless that is 0."""
    with speaking():
        here = home or App(load())
        mode.check_ready(here)
        pause.check(here.settings.home)
        check_request(here, request)
        with out.status(f"fluxion run {request.job} …") if out.is_terminal else _plain(request):
            outcome = perform(here, request, force=force)
    tell(outcome, request)
    if outcome.exit_code:
        raise typer.Exit(outcome.exit_code)
    return outcome


def perform(app: App, request: Request, *, force: bool) -> RunOutcome:
    """Run a job in this process; Dagster is loaded here and no earlier, since that alone takes a second."""
    from fluxion_pipeline.defs.execute import execute

    return execute(app, request, force=force, loud=Debug.on, say=lambda text: err.print(text, markup=False))


class _plain:  # noqa: N801 used as a context manager
    def __init__(self, request: Request) -> None:
        self.job = request.job

    def __enter__(self) -> None:
        out.print(f"run {self.job}: reading, landing, writing, proving …")

    def __exit__(self, *_: object) -> None:
        pass


def tell(outcome: RunOutcome, request: Request | None = None) -> None:
    """The summary of a run; ``request``: what was asked for, where a person did."""
    report = outcome.report
    if report is None:
        fail(outcome.refused or FluxionError("nothing could be done", "fluxion doctor"))
        return
    _readings(report, request)
    for sink, tables in outcome.wrote.items():
        for table, (changed, rows) in tables.items():
            out.print(f"{sink}: {table}: {changed:,} rows written, {rows:,} in all")
    for name, why in outcome.sinks.items():
        if why:
            err.print(f"[red]{name} was not brought up to date:[/] {escape(why)}")
    for table, verdict in outcome.parity.items():
        colour = "green" if verdict is Verdict.IGUAL else "red"
        out.print(f"parity: {table}: [{colour}]{verdict}[/]")
    for check, text in outcome.checks.items():
        err.print(f"[red]check failed:[/] {escape(check)}: {escape(text)}")
    for check, text in outcome.warnings.items():
        err.print(f"[yellow]warning:[/] {escape(check)}: {escape(text)}")


def _readings(report: LandingReport, request: Request | None) -> None:
    job = request.job if request is not None else JOBS[report.fact]
    if not report.landings and not report.errors and request is not None and request.explicit:
        times = " to ".join(dict.fromkeys(x or "…" for x in (request.low, request.high)))
        out.print(f"run {job}: the source has nothing of {times}")
    elif not report.landings and not report.errors:
        out.print(f"run {job}: nothing new: all that the source has was read before")
    else:
        outcomes = ", ".join(f"{n} {o}" for o, n in report.outcomes().items())
        out.print(f"run {job}: {len(report.landings)} readings ({outcomes}), {len(report.lotes)} lotes")
        counts = ", ".join(
            f"{report.total(f):,} {word}" for f, word in (("loaded", "loaded"), ("repeated", "repeated"), ("rejected", "rejected"), ("held", "held back"))
        )
        out.print(f"rows: {report.total('read'):,} read = {counts}")
    if report.met:
        out.print(f"{report.met:,} products that no catalogue had were added, flagged es_provisional")
    if report.quarantined:
        folders = sorted({q.folder for q in report.quarantined})
        err.print(
            f"[yellow]warning:[/] {len(report.quarantined)} files of unknown locations put in quarantine: {escape(', '.join(folders))}"
            " (fluxion quarantine list)"
        )
    if report.failed:
        rows = [(x.location, x.cut, str(x.outcome), x.read, x.rejected, x.reason or "") for x in report.failed]
        show("readings that failed", ("ubicación", "corte", "resultado", "leídas", "rechazadas", "motivo"), rows)
    for place, why in report.errors.items():
        err.print(f"[red]{place} could not be landed:[/] {escape(why)}")
    odd = [*sorted(set(report.strange)), *sorted({w for x in report.landings for w in x.warnings} - set(report.strange))]
    for text in odd[:WARNINGS]:
        err.print(f"[yellow]warning:[/] {escape(text)}")
    if len(odd) > WARNINGS:
        where = "those of readings that stand are in cobertura.motivo, the newest in the check lecturas_logradas too"
        err.print(f"[yellow]warning:[/] and {len(odd) - WARNINGS} more: {where}")
