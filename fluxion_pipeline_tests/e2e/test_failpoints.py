"""At every named point of the row's way a process is killed; the next run makes all of it good, in both sinks."""

from __future__ import annotations

import random
import signal
from collections.abc import Callable
from itertools import zip_longest
from pathlib import Path

import pytest

from fluxion_pipeline.contracts.outcomes import SinkName
from fluxion_pipeline.failpoints import POINTS, VARIABLE
from fluxion_pipeline.settings import Settings
from fluxion_pipeline_tests.support.home import Home
from fluxion_pipeline_tests.support.lightrun import Runner
from fluxion_pipeline_tests.support.ordeal import Ordeal

pytestmark = pytest.mark.e2e


def unclaimed(sink: SinkName) -> Callable[[Home], None]:
    return lambda home: void(home.run(sink, "DELETE FROM fluxion_meta WHERE clave = 'outbox' RETURNING 1"))


def void(_: object) -> None:
    """Nothing comes of it."""


BEFORE: dict[str, Callable[[Home], None]] = {
    "index.discarded": lambda home: (home.settings.home / "indice.sqlite").unlink(),
    "index.rebuilt": lambda home: (home.settings.home / "indice.sqlite").unlink(),
    "mode.written": lambda home: (home.settings.home / "modo.json").unlink(),
    "duckdb.claimed": unclaimed(SinkName.DUCKDB),
    "postgresql.claimed": unclaimed(SinkName.POSTGRESQL),
}
"""What has to be so that a run passes a point at all."""


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
                if runner.run(INIT=init, **{VARIABLE: point}) == -signal.SIGKILL:
                    hit.add(point)
            assert runner.run(INIT=init) == 0, (pair, runner.log.read_text()[-2000:])
            for sink in SinkName:
                assert world.wrong(home, sink) == {}, (pair, sink)
    finally:
        runner.close()
    assert [p for p in points if p not in hit] == []
