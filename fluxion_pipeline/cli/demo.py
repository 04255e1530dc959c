"""``fluxion demo``: the main job once, on the shipped real sample, with a summary; what ``make run`` runs."""

from __future__ import annotations

import typer
from rich.markup import escape

from fluxion_pipeline import pause
from fluxion_pipeline.cli.console import command, err, fail, out, speaking
from fluxion_pipeline.cli.run import perform, tell
from fluxion_pipeline.contracts.outcomes import Fact, Mode, Verdict
from fluxion_pipeline.contracts.tables import LANDED_TABLES
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.operations.initialise import initialise
from fluxion_pipeline.operations.land import Request
from fluxion_pipeline.parity.prove import prove
from fluxion_pipeline.settings import ENV_FILE, load

DEFAULTS = """\
# Written by fluxion demo because there was none; every command reads it, below the real environment.
# FLUXION_SOURCE_PATH is unset: the shipped sample. Real sales; the stock in it is simulated.
DB_MODE=dual
FLUXION_SOURCE=archivos
"""


def demo() -> None:
    """Fill both sinks from the shipped sample, prove that they are equal, and say what to type next."""
    with speaking():
        home = load().home
        home.mkdir(parents=True, exist_ok=True)
        if not (home / ENV_FILE).exists():
            (home / ENV_FILE).write_text(DEFAULTS, "utf-8")
        app = App(load())
        pause.check(app.settings.home)
        worst = 0
        for step in initialise(app):
            if step.error:
                fail(step.error)
                worst = max(worst, 1)
    for fact in (Fact.CATALOGO, Fact.INVENTARIO, Fact.VENTAS):  # sales last: their run draws the coverage of both
        outcome = perform(app, Request(fact), force=False)
        tell(outcome)
        worst = max(worst, outcome.exit_code)
    worst = max(worst, _summary(app))
    if worst:
        err.print("[red]not everything ended well: see above, or fluxion status[/]")
        raise typer.Exit(worst)


def _summary(app: App) -> int:
    """Counts of both sinks, parity, and where to go from here."""
    out.print("\nsummary")
    with speaking():
        counts = {sink.name: dict(sink.query(" UNION ALL ".join(f"SELECT '{t}', count(*) FROM {t}" for t in LANDED_TABLES))) for sink in app.active}  # noqa: S608 names of the contract
        for table in LANDED_TABLES:
            out.print(f"  {table}: " + ", ".join(f"{name} {found[table]:,}" for name, found in counts.items()))
        code = 0
        if app.settings.db_mode is Mode.DUAL:
            report = prove(app.settings)
            code = 0 if report.verdict is Verdict.IGUAL else 1
            out.print(f"  parity of {len(report.tables)} tables: [{'red' if code else 'green'}]{report.verdict}[/]")
    program = escape(command())
    out.print(f"  data: {escape(str(app.settings.home))} (DuckDB: {escape(str(app.settings.duckdb_file))}; PostgreSQL: {program} db psql)")
    out.print(f"  next: {program} status · {program} parity · make ui (Dagster on the same data)")
    return code
