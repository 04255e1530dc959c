"""The door: global options, and every command by its name."""

from __future__ import annotations

from typing import Annotated

import typer

from fluxion_pipeline.cli import accept, db, demo, doctor, explain, init, mode, parity, quarantine, repair, run, simulate, status, sync, ui
from fluxion_pipeline.cli.console import Debug

app = typer.Typer(
    name="fluxion",
    help="Land the stores' stock and sales once, and hold DuckDB and PostgreSQL equal.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def options(debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error, and Dagster's log.")] = False) -> None:
    """Take the global options."""
    Debug.on = debug


app.command("init")(init.init)
app.add_typer(run.app, name="run")
app.command("parity")(parity.parity)
app.command("repair")(repair.repair)
app.command("accept")(accept.accept)
app.command("explain")(explain.explain)
app.command("sync")(sync.sync)
app.command("status")(status.status)
app.add_typer(mode.app, name="mode")
app.add_typer(quarantine.app, name="quarantine")
app.command("doctor")(doctor.doctor)
app.add_typer(db.app, name="db")
app.add_typer(simulate.app, name="simulate")
app.command("ui")(ui.ui)
app.command("demo")(demo.demo)


def main() -> None:
    """Run the command."""
    app()
