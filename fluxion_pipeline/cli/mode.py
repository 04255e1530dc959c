"""``fluxion mode``."""

from __future__ import annotations

from typing import Annotated

import typer

from fluxion_pipeline.cli.console import out, speaking
from fluxion_pipeline.contracts.outcomes import SinkName
from fluxion_pipeline.operations import mode
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.settings import load

app = typer.Typer(help="The mode, and the sinks that are known.", invoke_without_command=True)


@app.callback()
def default(context: typer.Context) -> None:
    """Without a command: show."""
    if context.invoked_subcommand is None:
        show()


@app.command()
def show() -> None:
    """Show the mode, the mode of the last write, and the known sinks."""
    with speaking():
        here = App(load())
        found = mode.state(here)
    out.print(f"DB_MODE={here.settings.db_mode}: writes {', '.join(here.settings.db_mode.sinks)}; {here.settings.db_mode.primary} is read")
    out.print(f"mode of the last write: {found.last or 'nothing was written yet'}")
    out.print(f"known sinks: {', '.join(found.known)}")


@app.command()
def retire(sink: Annotated[SinkName, typer.Argument(help="A sink that DB_MODE doesn't write.")]) -> None:
    """Forget a sink that is not written any more: nothing is owed to it from now on."""
    with speaking():
        known = mode.retire(App(load()), sink)
    out.print(f"{sink} is retired" if known else f"{sink} was not known")
