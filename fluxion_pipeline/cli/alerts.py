"""``fluxion alerts``: send a test through every channel, and list what is open and what was told."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from fluxion_pipeline.alerts.channels import send
from fluxion_pipeline.alerts.desk import Desk
from fluxion_pipeline.cli.console import as_json, out, show, speaking
from fluxion_pipeline.cli.home import existing
from fluxion_pipeline.errors import SettingsError
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.settings import Settings, load

app = typer.Typer(no_args_is_help=True, help="Messages about what is wrong: try the channels, and see what was told.")


def _desk(settings: Settings) -> Desk:
    here = App(settings)
    return Desk(here.settings, here.registry, here.clock, send)


@app.command()
def test() -> None:
    """Send a message through each channel of FLUXION_ALERT_URLS. Exit code 0: all took it; 1: some did not; 2: there is none."""
    with speaking():
        desk = _desk(load())
        if not desk.channels:
            raise SettingsError(
                "FLUXION_ALERT_URLS is not set: alerts go nowhere", "set it, for instance FLUXION_ALERT_URLS=mailto://user:password@example.com"
            )
        with desk.alone():
            told = desk.test()
    for name, error in told:
        out.print(f"[green]delivered[/] {escape(name)}" if error is None else f"[red]failed[/] {escape(f'{name}: {error}')}")
    raise typer.Exit(0 if all(error is None for _, error in told) else 1)


@app.command("list")
def list_(
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="The newest messages to show.")] = 20,
    json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """List what is open now, the newest messages with their delivery, and how each channel fares."""
    with speaking():
        desk = _desk(existing())
        incidents, told, channels = desk.open(), desk.told(lines), desk.health()
    if json:
        as_json({"open": incidents, "messages": told, "channels": [vars(c) for c in channels]})
        return
    show("open", ("problem", "severity", "since", "reminders"), [(i["problem"], i["severity"], i["opened_at"], i["reminders"]) for i in incidents])
    show("messages", ("id", "when", "title", "delivery"), [(m["id"], m["at"], m["title"], m["delivery"]) for m in told])
    states = [(c.name, "delivers" if c.well else f"fails since {c.since:%Y-%m-%d %H:%M} UTC: {c.error}", c.waiting) for c in channels]
    show("channels", ("channel", "state", "waiting"), states)
    if out.is_terminal and not incidents:
        out.print("nothing is open")
