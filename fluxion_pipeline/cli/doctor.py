"""``fluxion doctor``: what may be wrong here, and what to do about it. Shows findings, finds nothing itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import chain
from typing import Annotated

import typer
from rich.markup import escape

from fluxion_pipeline.cli.console import as_json, out, speaking
from fluxion_pipeline.errors import FluxionError
from fluxion_pipeline.operations.doctor import Finding, State, diagnose
from fluxion_pipeline.settings import Settings, load

_MARK = {State.OK: "[green]ok[/]", State.FAILED: "[bold red]failed[/]", State.SKIPPED: "[yellow]skipped[/]"}


def doctor(json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False) -> None:
    """Check this installation, its home and the sinks of its mode. Exit code 0: all well; 1: something failed."""
    findings = []
    with speaking():
        settings = _settings(json=json)
    for finding in chain(diagnose(settings), _of_dagster(settings)):
        findings.append(finding)
        if not json:
            _show(finding)
    well = all(finding.state is not State.FAILED for finding in findings)
    if json:
        _print(findings, well=well)
    raise typer.Exit(0 if well else 1)


def _settings(*, json: bool) -> Settings:
    """The settings; those that can't be are a failed check to whoever reads JSON."""
    try:
        return load()
    except FluxionError as error:
        if json:
            _print([Finding("settings", State.FAILED, error.what, error.remedy)], well=False)
        raise


def _print(findings: Sequence[Finding], *, well: bool) -> None:
    as_json({"ok": well, "checks": [{**asdict(f), "state": f.state.value} for f in findings]})


def _of_dagster(settings: Settings) -> Iterator[Finding]:
    """Dagster is loaded when its turn comes: what is wrong before it is told at once."""
    from fluxion_pipeline.defs import alive, extra

    yield extra.diagnose(settings)
    yield from alive.diagnose(settings)


def _show(finding: Finding) -> None:
    """One plain, untruncated line each; colours on a terminal only."""
    remedy = f" → {finding.remedy}" if finding.remedy else ""
    out.print(f"{_MARK[finding.state]} {escape(f'{finding.name}: {finding.found}{remedy}')}")
