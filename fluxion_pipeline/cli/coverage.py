"""``fluxion coverage``: the heat map in the terminal, or one line for each location and day."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.markup import escape
from rich.text import Text

from fluxion_pipeline.cli.console import as_json, err, out, speaking
from fluxion_pipeline.cli.home import existing
from fluxion_pipeline.contracts.clock import parse_day
from fluxion_pipeline.contracts.outcomes import Fact
from fluxion_pipeline.errors import ContractError
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.operations.coverage import FACTS, Coverage
from fluxion_pipeline.operations.coverage import coverage as look
from fluxion_pipeline.operations.coverage_picture import LOOKS, letter

LABEL, COLUMN, MOST = 20, 3, 10


def coverage(
    since: Annotated[str | None, typer.Option("--from", help="First business day YYYY-MM-DD; default: 30 days up to the last one.")] = None,
    until: Annotated[str | None, typer.Option("--to", help="Last business day, included; default: today, or the newest day of the files.")] = None,
    tabla: Annotated[list[str] | None, typer.Option("--tabla", help="ventas or inventario_actual; repeat it for both; default: both.")] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Show what is there of each location and day, what is lacking, and why; exit code 1 if anything is lacking."""
    with speaking():
        if since and until and parse_day(since) > parse_day(until):
            raise ContractError(f"--from {since} is after --to {until}", "swap them")
        here = App(existing())
        maps = [look(here, fact, since, until) for fact in _facts(tabla)]
    if json:
        as_json({"complete": not any(m.lacking for m in maps), "tables": [m.to_json() for m in maps]})
    else:
        for found in maps:
            _map(found) if out.is_terminal else _lines(found)
    for problem in dict.fromkeys(p for m in maps for p in m.problems):
        err.print(f"[yellow]warning:[/] {escape(problem)}")
    if any(m.lacking for m in maps):
        raise typer.Exit(1)


def _facts(names: list[str] | None) -> tuple[Fact, ...]:
    known = {f.value: f for f in FACTS}
    for name in names or ():
        if name not in known:
            raise ContractError(f"«{name}» has no coverage by day", f"use {' or '.join(known)}")
    return tuple(known[n] for n in dict.fromkeys(names)) if names else FACTS


def _lines(found: Coverage) -> None:
    for place in found.locations:
        for day in found.days:
            cell = found.cells.get((place.codigo, day))
            if cell is not None:
                reason = " ".join((cell.reason or "").split())
                sys.stdout.write("\t".join((found.fact.value, place.codigo, day, cell.result, f"{cell.good}/{cell.wanted}", reason)) + "\n")


def _map(found: Coverage) -> None:
    """As many days side by side as the terminal is wide."""
    fit = max(1, (out.width - LABEL) // COLUMN)
    out.print(f"[bold]{found.fact.value}[/]: {found.share:.1%} of what is expected, {found.days[0]} to {found.days[-1]}")
    for start in range(0, len(found.shown), fit):
        days = found.shown[start : start + fit]
        out.print(Text(" " * LABEL + "".join(f"{day[8:]} " for day in days), style="bold"))
        for place in found.locations:
            line = Text(f"{place.codigo} {place.nombre}"[: LABEL - 1].ljust(LABEL))
            for day in days:
                cell = found.cells.get((place.codigo, day))
                line.append(*(("   ",) if cell is None else (f"{letter(cell)} ".rjust(COLUMN), f"white on {LOOKS[cell.result][1]}")))
            out.print(line)
    legend = Text()
    for word in found.counts():
        legend.append(f" {LOOKS[word][0]} ", f"white on {LOOKS[word][1]}").append(f" {word}  ")
    out.print(legend)
    gaps = found.gaps
    for gap in gaps[:MOST]:
        out.print(Text(f"{gap.day} {gap.result}" + (f" ({gap.reason})" if gap.reason else "") + f": {', '.join(gap.locations)}"))
    if len(gaps) > MOST:
        out.print(f"… and {sum(len(g.locations) for g in gaps[MOST:])} more are lacking (fluxion coverage --json)")
