"""Ticks of this pipeline, stage by stage, and whole ones as Dagster runs them; run by ``contenders``, in a process of its own.

Takes turns: one tick by its stages, the next as a whole run in this process. Prints a JSON list of
``[stage, cost]``; the first tick's stages are the full load, and have ``primero`` before their names.
Arguments: the bench's folder, libpq URI and first process of the server, the ticks.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from functools import partial
from pathlib import Path

from bench.measure import Cost, Server, timed
from fluxion_pipeline.contracts.outcomes import Fact, SinkName, Verdict
from fluxion_pipeline.defs.execute import execute
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.operations.bring_up import bring_up
from fluxion_pipeline.operations.land import Request, read_and_land
from fluxion_pipeline.parity.prove import prove
from fluxion_pipeline.settings import load

TABLES = ("inventario_actual", "inventario_historico", "inventario_cortes")


def main(folder: str, address: str, pid: str, *ticks: str) -> None:
    """Measure each tick."""
    app, server = App(load()), Server(address, int(pid))
    found: list[tuple[str, Cost]] = []

    def landed() -> float:
        return float(sum(f.stat().st_size for f in (Path(folder) / "home/lotes").rglob("*") if f.is_file()))

    for turn, tick in enumerate(ticks):
        request = Request(Fact.INVENTARIO, tick, tick)
        if turn and turn % 2 == 0:
            found.append(("whole", timed(partial(_whole, app, request), server, landed)))
            continue
        first = "" if turn else "first "
        found.append((first + "land", timed(partial(_land, app, request), server, landed)))
        found += [(first + sink, timed(partial(bring_up, app, sink, whole=True), server, landed)) for sink in SinkName]
        found.append((first + "parity", timed(partial(_proven, app), server, landed)))
    print("\n" + json.dumps([(name, asdict(cost)) for name, cost in found]))


def _land(app: App, request: Request) -> None:
    report = read_and_land(app, request)
    if report.errors or report.failed:
        raise SystemExit(f"not landed: {report.errors or report.failed}")


def _proven(app: App) -> None:
    verdicts = {t.table: t.verdict for t in prove(app.settings, TABLES).tables}
    if set(verdicts.values()) != {Verdict.IGUAL}:
        raise SystemExit(f"not equal: {verdicts}")


def _whole(app: App, request: Request) -> None:
    outcome = execute(app, request)
    if outcome.exit_code:
        raise SystemExit(f"the run ended with {outcome.exit_code}: {outcome}")


if __name__ == "__main__":
    main(*sys.argv[1:])
