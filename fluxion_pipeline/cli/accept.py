"""``fluxion accept``."""

from __future__ import annotations

from typing import Annotated

import typer

from fluxion_pipeline import pause
from fluxion_pipeline.cli.console import err, fail, out, show, speaking
from fluxion_pipeline.cli.home import existing
from fluxion_pipeline.contracts.outcomes import Fact
from fluxion_pipeline.errors import FluxionError
from fluxion_pipeline.operations.accept import accept as land
from fluxion_pipeline.operations.accept import waiting
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.operations.bring_up import bring_up

FACTS = {"ventas": Fact.VENTAS, "inventario": Fact.INVENTARIO, "inventario_actual": Fact.INVENTARIO, "catalogo": Fact.CATALOGO, "productos": Fact.CATALOGO}


def accept(
    what: Annotated[str | None, typer.Argument(help="ventas, inventario or catalogo; without it, everything that is held back is listed.")] = None,
    corte: Annotated[str | None, typer.Argument(help="Business day or tick; default: all that is held back.")] = None,
    ubicacion: Annotated[list[str] | None, typer.Option("--ubicacion", help="codigo, codigo_etl or id; repeat it for more; default: all.")] = None,
) -> None:
    """List readings that were held back as sospechoso, or accept them: they land whatever they look like."""
    with speaking():
        app = App(existing())
        if what is not None and what not in FACTS:
            raise FluxionError(f"«{what}» is nothing that is read", f"use one of {', '.join(FACTS)}")
        chosen = waiting(app, FACTS[what] if what else None, ubicacion or (), corte)
        if what is None:
            rows = [(h.fact, h.location, h.cut, h.valid, h.reason, h.origin) for h in chosen]
            show("held back", ("tabla", "ubicación", "corte", "filas", "motivo", "origen"), rows)
            if not chosen and out.is_terminal:
                out.print("nothing is held back")
            return
        pause.check(app.settings.home)
        landings = land(app, chosen)
    for x in landings:
        kept = "" if x.applied else f" — {x.reason}"
        out.print(f"{x.fact} {x.location} {x.cut}: {x.outcome}, {'applied' if x.applied else 'not applied'}{kept}")
    failed = False
    for name in app.settings.db_mode.sinks:
        try:
            written = sum(r.counts.written for r in bring_up(app, name).receipts)
            out.print(f"{name}: {written:,} rows written")
        except FluxionError as error:
            fail(error)
            failed = True
    if failed or not all(x.applied for x in landings):
        err.print("not everything that was accepted is in every sink: fluxion status")
        raise typer.Exit(1)
