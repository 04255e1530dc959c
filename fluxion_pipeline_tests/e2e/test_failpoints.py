"""At every named point of the row's way a process is killed; the next run makes all of it good, in both sinks."""

from __future__ import annotations

import random
import signal
from collections.abc import Callable
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


def test_a_run_that_is_killed_at_any_point_loses_and_doubles_nothing(pg_settings: Settings, tmp_path: Path) -> None:
    root = tmp_path / "drops"
    home = Home(pg_settings.model_copy(update={"fluxion_source": "archivos", "fluxion_source_path": root}))
    world = Ordeal(root, random.Random(5)).begin()
    runner = Runner(home.settings, tmp_path / "log")
    try:
        assert runner.run() == 0, runner.log.read_text()
        hit = []
        for point in POINTS:
            world.step()
            BEFORE.get(point, void)(home)
            if runner.run(**{VARIABLE: point}) == -signal.SIGKILL:
                hit.append(point)
            assert runner.run() == 0, (point, runner.log.read_text()[-2000:])
            for sink in SinkName:
                assert world.wrong(home, sink) == {}, (point, sink)
        assert hit == list(POINTS)
    finally:
        runner.close()
