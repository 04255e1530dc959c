"""``fluxion status``."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from fluxion_pipeline.cli.console import as_json, out, show, speaking
from fluxion_pipeline.cli.home import existing
from fluxion_pipeline.contracts.clock import UTC
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.operations.status import SinkStatus
from fluxion_pipeline.operations.status import status as look
from fluxion_pipeline.settings import load

HELD = 10
"""Readings that are held back of which the newest are shown."""


def _state(sink: SinkStatus) -> str:
    return sink.problem or (f"being filled: {sink.to_copy:,} slices por_copiar" if sink.to_copy else "ok")


def status(json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False) -> None:
    """Show what each sink and location has, and what is wrong with it."""
    with speaking():
        settings = load()
    with speaking(1):
        found = look(App(existing(settings)))
    if json:
        as_json(found.to_json())
    else:
        out.print(f"DB_MODE={found.mode}")
        if found.paused is not None:
            out.print(f"[red]{escape(found.paused.text)}[/]; nothing is written until: fluxion resume")
        sinks = [(s.sink, "active" if s.active else "known", _state(s), s.pending, ", ".join(f"{t} {n:,}" for t, n in s.rows.items())) for s in found.sinks]
        show("sinks", ("sink", "", "state", "pending slices", "rows"), sinks)
        rows = [(x.fact, x.location, x.name, x.cut, x.outcome or "", x.last_outcome or "", x.reason or "") for x in found.locations]
        show("locations", ("tabla", "ubicación", "nombre", "corte", "resultado", "último intento", "motivo"), rows)
        held = [("held back", h.fact, h.location, h.cut, h.valid, h.reason) for h in found.held[:HELD]]
        if held:
            show("held back", ("", "tabla", "ubicación", "corte", "filas", "motivo"), held)
            out.print(f"{len(found.held):,} readings held back as sospechoso: fluxion accept lists them, and lands those that are true")
        for c in (c for c in found.channels if not c.well):
            out.print(f"[red]alerts[/]: {escape(f'{c.name} does not deliver since {c.since:%Y-%m-%d %H:%M} UTC, {c.waiting} messages wait: {c.error}')}")
        out.print(f"{found.rejected:,} rejected rows, {found.quarantined:,} files in quarantine")
        if found.last_repair:
            out.print(f"{found.repairs:,} repairs, the last one of {found.last_repair}")
        if found.last_drift:
            out.print(f"[yellow]deriva[/]: {found.drifts:,} rows in 7 days, changed by others and undone; the last one: {escape(found.last_drift)}")
        for proof in found.different:
            when = f"{proof.at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
            out.print(f"[red]diferente[/]: {escape(proof.table)}, proven {when}; which rows: fluxion parity {escape(proof.table)}")
        if found.alerts:
            worst = max((a.severity for a in found.alerts), key=lambda s: s.rank)
            out.print(f"[yellow]alerts[/]: {len(found.alerts)} open, the worst «{worst}»; which: fluxion alerts list")
        well = "[yellow]healthy, but for the alerts that are open[/]" if found.alerts else "[green]all healthy[/]"
        out.print(well if found.healthy else "[red]something needs a look[/]")
    if not found.healthy:
        raise typer.Exit(1)
