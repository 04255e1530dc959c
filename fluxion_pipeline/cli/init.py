"""``fluxion init``."""

from __future__ import annotations

from typing import Annotated

import typer

from fluxion_pipeline import pause
from fluxion_pipeline.cli.console import err, fail, out, speaking
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.operations.initialise import initialise
from fluxion_pipeline.settings import load


def init(claim: Annotated[bool, typer.Option("--claim", help="Take over a sink that another home wrote, or that is ahead of this one.")] = False) -> None:
    """Make or upgrade the tables of every active database (sink), claim it for this home, load the locations. Again: nothing changes."""
    with speaking():
        app = App(load())
        pause.check(app.settings.home)
        steps = initialise(app, take_over=claim)
    for step in steps:
        if step.error is None:
            done = ("migrated" if step.migrated else "up to date already") + (", claimed for this home" if step.claimed else "")
            out.print(f"{step.sink}: {done}; {len(app.registry.locations)} locations")
        else:
            fail(step.error)
    failed = sum(step.error is not None for step in steps)
    if failed:
        err.print(f"{failed} of {len(steps)} sinks could not be made ready")
        raise typer.Exit(2 if failed == len(steps) else 1)
