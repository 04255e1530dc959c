"""``fluxion simulate klk``: the stores' KLK service out of a folder of drops, for demos, tests and training."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from fluxion_pipeline.cli.console import fail, out, speaking
from fluxion_pipeline.contracts.clock import now
from fluxion_pipeline.errors import PermanentError
from fluxion_pipeline.locations import registry

app = typer.Typer(help="Serve what the stores' systems would answer, from a folder of drops.", no_args_is_help=True)

FAULTS = (
    "WHERE=FAULT[:ARGUMENT][@RATE],… e.g. t03=down,t05=slow:30,*=500@0.2,t07=twin:t01; "
    "FAULT is down, slow, 500, error, html, empty, cut, reset, truncated, twin or ahead."
)


@app.callback()
def simulate() -> None:
    """Serve what the stores' systems would answer, from a folder of drops."""


@app.command()
def klk(
    data: Annotated[Path | None, typer.Option("--data", help="Folder of drops; default: the shipped sample.")] = None,
    faults: Annotated[str, typer.Option("--faults", help=FAULTS)] = "",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0: any free one, which is printed.")] = 8900,
    live: Annotated[bool, typer.Option("--live", help="Move the days so that the newest is today, and let stock change every half hour.")] = False,
    old: Annotated[bool, typer.Option("--old", help="As older servers are: bare lists, stock at the older endpoint.")] = False,
    seed: Annotated[int, typer.Option("--seed", help="For faults with a rate: the same seed draws the same ones.")] = 0,
    quiet: Annotated[bool, typer.Option("--quiet", help="Don't print each request.")] = False,
) -> None:
    """Serve sales and stock of the KLK stores until Ctrl-C."""
    from fluxion_pipeline.simulate.faults import Faults, parse
    from fluxion_pipeline.simulate.klk import KlkServer
    from fluxion_pipeline.simulate.stores import Stores
    from fluxion_pipeline.sources.archivos import sample_path

    with speaking():
        known = registry.load()
        root = sample_path() if data is None else data.expanduser().absolute()
        if not root.is_dir():
            raise PermanentError(f"--data {root} is no folder", "name the folder that holds ventas/ and inventario/")
        drawn = Faults(parse(faults, known), seed)
    stores = Stores(root, known, now, live=live)
    try:
        server = KlkServer(stores, drawn, port, old=old, tell=None if quiet else lambda line: out.print(escape(line)))
    except OSError as error:
        raise fail(PermanentError(f"port {port} can't be taken: {error.strerror}", "name another: --port 0 takes any that is free")) from None
    with server:
        out.print(f"KLK of {len(stores.stores)} stores at {server.url} (what was asked: {server.url}/_requests; end: Ctrl-C)")
        out.print(f"read it: FLUXION_SOURCE=klk KLK_BASE_URL={server.url} fluxion run inventario")
        try:
            server.serve_forever(0.2)
        except KeyboardInterrupt:
            out.print("ended")
