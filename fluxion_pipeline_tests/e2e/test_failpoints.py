"""At every named point of the row's way a process is killed; the next run makes all of it good, in both sinks."""

from __future__ import annotations

import random
import signal
from collections.abc import Callable
from itertools import zip_longest
from pathlib import Path

import duckdb
import pytest

from fluxion_pipeline.contracts.outcomes import SinkName
from fluxion_pipeline.failpoints import POINTS, VARIABLE
from fluxion_pipeline.settings import Settings
from fluxion_pipeline_tests.architecture.repository import ROOT
from fluxion_pipeline_tests.support.home import Home
from fluxion_pipeline_tests.support.lightrun import Runner
from fluxion_pipeline_tests.support.ordeal import Ordeal
from fluxion_pipeline_tests.support.readings import sales

pytestmark = pytest.mark.e2e

MAP = ROOT / "docs" / "examples" / "map.toml"
OLD = ("tienda_08", "2025-11-10")


def unclaimed(sink: SinkName) -> Callable[[Home], None]:
    return lambda home: void(home.run(sink, "DELETE FROM fluxion_meta WHERE clave = 'outbox' RETURNING 1"))


def void(_: object) -> None:
    """Nothing comes of it."""


def uncopied(sink: SinkName) -> Callable[[Home], None]:
    """All of a store is owed again: its history is copied."""
    return lambda home: void(home.run(sink, "DELETE FROM fluxion_meta WHERE clave = 'hasta:SUC007' RETURNING 1"))


def edited(sink: SinkName) -> Callable[[Home], None]:
    """Somebody changed every product; the catalogue of the step undoes it."""
    return lambda home: void(home.run(sink, "UPDATE productos SET descripcion = 'mine ' || codigo RETURNING 1"))


def old_days(home: Home) -> None:
    """Another store's month of days without sales, each in a file of its own."""
    home.land(*(sales("SUC003", f"2025-10-{day:02d}", []) for day in range(1, 11)))


BEFORE: dict[str, Callable[[Home], None]] = {
    "index.discarded": lambda home: (home.settings.home / "indice.sqlite").unlink(),
    "index.rebuilt": lambda home: (home.settings.home / "indice.sqlite").unlink(),
    "mode.written": lambda home: (home.settings.home / "modo.json").unlink(),
    "duckdb.claimed": unclaimed(SinkName.DUCKDB),
    "postgresql.claimed": unclaimed(SinkName.POSTGRESQL),
    **{f"{sink}.{step}": uncopied(sink) for sink in SinkName for step in ("copying", "copied")},
    **{f"{sink}.{step}": edited(sink) for sink in SinkName for step in ("noted", "cleared")},
    "prune.compacted": old_days,
}
"""What has to be so that a run passes a point at all."""


def special(point: str, world: Ordeal, folder: Path) -> dict[str, str]:
    """What else a run does that passes a point."""
    kind = point.partition(".")[0]
    if point.endswith((".copying", ".copied")):
        return {"FLUXION_COPY_ROWS": "1"}
    if kind == "prune":
        days = 1000 + 20 * world.steps
        return {"PRUNE": str(days), "FLUXION_KEEP_REJECTS": "1", "FLUXION_KEEP_HISTORY": "99999"}
    return {"ADOPT": f"{foreign(world, folder / 'viejo.duckdb')}|{MAP}"} if kind == "adopt" else {}


def foreign(world: Ordeal, file: Path) -> Path:
    """A file with a day of sales of a store that its drops don't have, and one line more each time."""
    lines = world.sales.setdefault(OLD, {})
    lines[f"{500_000 + len(lines):012d}"] = 1 + len(lines)
    file.unlink(missing_ok=True)
    with duckdb.connect(str(file)) as con:
        con.execute("CREATE TABLE catalogo AS SELECT '000001' AS sku, ? AS nombre", [world.products["000001"]])
        con.execute("CREATE TABLE existencias (tienda TEXT, sku TEXT, cantidad DOUBLE)")
        con.execute("CREATE TABLE facturas (tienda TEXT, fecha TEXT, hora TEXT, factura TEXT, sku TEXT, cantidad DOUBLE, precio DOUBLE, total DOUBLE)")
        rows = [("SUC002", "10/11/2025", "10:00:00", invoice, world.sold(invoice), n, 1, n) for invoice, n in lines.items()]
        con.executemany("INSERT INTO facturas VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
    return file


def test_runs_that_are_killed_at_any_point_lose_and_double_nothing(pg_settings: Settings, tmp_path: Path) -> None:
    """Each step's run dies at a point of the first half of the way, the run after it at one of the second; the third one mends it."""
    root = tmp_path / "drops"
    home = Home(pg_settings.model_copy(update={"fluxion_source": "archivos", "fluxion_source_path": root}))
    world = Ordeal(root, random.Random(5)).begin()
    runner = Runner(home.settings, tmp_path / "log")
    points = list(POINTS)
    half = (len(points) + 1) // 2
    hit = set()
    try:
        assert runner.run(INIT="yes") == 0, runner.log.read_text()
        for pair in zip_longest(points[:half], points[half:]):
            world.step()
            init = "yes" if {*pair} & BEFORE.keys() else ""
            for point in filter(None, pair):
                BEFORE.get(point, void)(home)
                more = special(point, world, tmp_path)
                if runner.run(INIT=init, **more, **{VARIABLE: point}) == -signal.SIGKILL:
                    hit.add(point)
            assert runner.run(INIT=init, **more) == 0, (pair, runner.log.read_text()[-2000:])
            for sink in SinkName:
                assert world.wrong(home, sink) == {}, (pair, sink)
    finally:
        runner.close()
    assert [p for p in points if p not in hit] == []
