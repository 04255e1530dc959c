"""``fluxion resume``: the end of ``fluxion pause``."""

from __future__ import annotations

from rich.markup import escape

from fluxion_pipeline import pause as gate
from fluxion_pipeline.cli.console import out, speaking
from fluxion_pipeline.contracts.clock import now
from fluxion_pipeline.settings import load


def resume() -> None:
    """Let everything write again; what waited goes on, and the next tick of each schedule reads what was missed."""
    with speaking():
        home = load().home
        found = gate.end(home, now()) if home.is_dir() else None
    out.print(escape(f"resumed; it was {found.text}") if found else "nothing was paused")
