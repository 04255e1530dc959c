"""``fluxion adopt``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fluxion_pipeline import pause
from fluxion_pipeline.cli.console import err, out, speaking
from fluxion_pipeline.operations import mode
from fluxion_pipeline.operations.adopt import adopt as land
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.operations.bring_up import bring_up
from fluxion_pipeline.settings import load


def adopt(
    file: Annotated[Path, typer.Argument(help="A DuckDB file that somebody else's programs wrote; it is only read.")],
    map_file: Annotated[Path, typer.Option("--map", help="TOML file that says what its tables and columns are called.")],
) -> None:
    """Land what a foreign DuckDB file has, and bring every active sink up to date; killed, run it again."""
    failed, placeless = False, dict[str, None]()
    with speaking():
        app = App(load())
        pause.check(app.settings.home)
        mode.enter(app)
        for report in land(app, file, map_file, lambda code, done, total: out.print(f"{code}: {done} of {total} locations")):
            told = ", ".join(f"{report.total(name):,} {name}" for name in ("read", "loaded", "repeated", "rejected", "held"))
            out.print(f"{report.fact}: {told}")
            placeless |= dict.fromkeys(report.strange)
            for line in (*(f"{k}: {v}" for k, v in report.errors.items()), *(f"{x.location} {x.cut}: {x.reason}" for x in report.failed)):
                err.print(line)
            failed = failed or bool(report.failed or report.errors)
        for line in placeless:
            err.print(line)
        for name in app.settings.db_mode.sinks:
            out.print(f"{name}: {sum(r.counts.written for r in bring_up(app, name, whole=True).receipts):,} rows written")
    if failed or placeless:
        raise typer.Exit(1)
