"""``fluxion pause``: nothing is written until ``fluxion resume``."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from fluxion_pipeline import pause as gate
from fluxion_pipeline.cli.console import out, speaking
from fluxion_pipeline.contracts.clock import now
from fluxion_pipeline.errors import PermanentError
from fluxion_pipeline.settings import load


def pause(
    reason: Annotated[str, typer.Option("--reason", help="Why; status, schedules and alerts show it.")] = "",
    wait: Annotated[float, typer.Option("--wait", min=0, metavar="SECONDS", help="Seconds that a transaction is given to end.")] = gate.LONGEST,
) -> None:
    """Stop all writing: each writer ends its transaction and waits, schedules skip; exit code 0 when nobody writes any more."""
    with speaking():
        home = load().home
        if not home.is_dir():
            raise PermanentError(f"{home} isn't there: nothing writes in it", "fluxion init")
        stood = gate.standing(home)
        found = gate.begin(home, reason, now(), wait)
    out.print(escape(("already " if stood else "") + found.text))
    out.print("nothing is written until: fluxion resume")
