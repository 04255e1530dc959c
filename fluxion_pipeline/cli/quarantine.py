"""``fluxion quarantine``."""

from __future__ import annotations

import typer

from fluxion_pipeline.cli.console import out, show, speaking
from fluxion_pipeline.landing.quarantine import Quarantine
from fluxion_pipeline.settings import load

app = typer.Typer(help="Data of locations that the map doesn't know.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Keep ``list`` a command of its own."""


@app.command("list")
def list_() -> None:
    """List what waits in quarantine: folder, table, cut, rows, reason, origin."""
    with speaking():
        found = Quarantine(load().home).entries()
    rows = [(q.folder, q.fact, q.cut, q.rows, q.reason, q.origin) for q in found]
    show("quarantine", ("carpeta", "tabla", "corte", "filas", "motivo", "origen"), rows)
    if out.is_terminal and not rows:
        out.print("nothing waits in quarantine")
