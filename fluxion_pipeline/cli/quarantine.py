"""``fluxion quarantine``."""

from __future__ import annotations

import gzip
import io
from typing import Annotated

import pyarrow.parquet as pq
import typer
from rich.markup import escape

from fluxion_pipeline import pause
from fluxion_pipeline.cli.console import err, fail, out, speaking
from fluxion_pipeline.cli.console import show as table
from fluxion_pipeline.cli.home import existing
from fluxion_pipeline.errors import FluxionError
from fluxion_pipeline.landing.quarantine import Quarantine
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.operations.bring_up import bring_up
from fluxion_pipeline.operations.replay import replay as land

app = typer.Typer(help="Data of locations that the map doesn't know.", no_args_is_help=True)


@app.command("list")
def list_() -> None:
    """List what waits in quarantine: folder, table, cut, rows, reason, origin."""
    with speaking():
        found = Quarantine(existing().home).entries()
    rows = [(q.folder, q.fact, q.cut, q.rows, q.reason, q.origin) for q in found]
    table("quarantine", ("carpeta", "tabla", "corte", "filas", "motivo", "origen"), rows)
    if out.is_terminal and not rows:
        out.print("nothing waits in quarantine")


@app.command()
def show(
    carpeta: Annotated[str, typer.Argument(help="Folder, as fluxion quarantine list names it.")],
    lines: Annotated[int, typer.Option(min=1, help="Rows to show of each piece.")] = 5,
) -> None:
    """Show what a folder holds: each piece, why it waits, and its first lines."""
    with speaking():
        quarantine = Quarantine(existing().home)
        found = [q for q in quarantine.entries() if q.folder == carpeta]
        if not found:
            raise FluxionError(f"nothing of «{carpeta}» waits in quarantine", "fluxion quarantine list")
        for q in found:
            out.print(f"{q.fact} {q.cut}: {q.rows:,} rows, {q.bytes:,} bytes, taken {q.taken_at}, from {escape(q.origin)}: {escape(q.reason)}")
            for line in _first(quarantine.bytes_of(q), q.origin, lines):
                out.print(f"    {escape(line)}")


def _first(data: bytes, origin: str, lines: int) -> list[str]:
    if origin.endswith(".parquet"):
        return [str(row) for row in pq.read_table(io.BytesIO(data)).slice(0, lines).to_pylist()]
    text = gzip.decompress(data) if origin.endswith(".gz") else data
    return text[:100_000].decode("utf-8", "replace").splitlines()[: lines + 1]


@app.command()
def replay(carpeta: Annotated[str | None, typer.Argument(help="Folder; default: everything.")] = None) -> None:
    """Land what waits, once ubicaciones.csv knows its folder; it counts as of when it came."""
    with speaking():
        here = App(existing())
        pause.check(here.settings.home)
        found = land(here, carpeta)
    for x in found.landings:
        out.print(f"{x.fact} {x.location} {x.cut}: {x.outcome}, {'applied' if x.applied else 'not applied'}" + (f" ({x.reason})" if x.reason else ""))
    for q in found.waiting:
        err.print(f"[yellow]still waiting:[/] {escape(q.folder)} {q.fact} {q.cut}: {escape(q.reason)}")
    failed = False
    for name in here.settings.db_mode.sinks if found.landings else ():
        try:
            bring_up(here, name)
        except FluxionError as error:
            fail(error)
            failed = True
    if failed or found.waiting:
        raise typer.Exit(1)
