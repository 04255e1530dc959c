"""``fluxion report cutover``: is the chain ready to move to PostgreSQL? One HTML file with verdict and evidence."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fluxion_pipeline.cli.console import speaking
from fluxion_pipeline.cli.home import existing
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.operations.coverage_picture import FOLDER
from fluxion_pipeline.operations.cutover import cutover as judged
from fluxion_pipeline.operations.cutover_page import FILE, write

app = typer.Typer(no_args_is_help=True, help="Reports to read or print.")


@app.callback()
def _group() -> None:
    """Reports to read or print."""


@app.command()
def cutover(
    out: Annotated[Path | None, typer.Option("--out", help="The file; default: informes/cutover.html in the home.")] = None,
) -> None:
    """Prove both databases equal and tell whether the chain can move to PostgreSQL; exit code 0: ready, 1: not yet."""
    with speaking():
        here = App(existing())
        found = judged(here)
        path = write(out or here.settings.home / FOLDER / FILE, found)
    for item in found.rules:
        print(f"{'yes' if item.holds else 'NO '} {item.rule.title[1]}: {item.value[1]}" + ("" if item.holds else f" → {item.rule.remedy[1]}"))
    print(f"{'ready' if found.ready else 'not ready'} for PostgreSQL: {path}")
    raise typer.Exit(0 if found.ready else 1)
