"""DB_MODE goes from every mode to every other while stores sell, with a sink dying on each way; nothing is lost in any sink.

What is expected is kept beside the program (``ordeal``); how one change of mode works is ``operations/test_mode``'s.
"""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fluxion_pipeline.contracts.outcomes import Mode, SinkName
from fluxion_pipeline.failpoints import VARIABLE
from fluxion_pipeline.locks import hold
from fluxion_pipeline.operations import mode
from fluxion_pipeline.settings import Settings
from fluxion_pipeline_tests.support.home import Home
from fluxion_pipeline_tests.support.lightrun import Runner
from fluxion_pipeline_tests.support.ordeal import Ordeal

pytestmark = [pytest.mark.e2e, pytest.mark.long]

WALK = ("dual", "postgresql", "dual", "duckdb", "postgresql", "duckdb", "dual")
"""From duckdb: each of the six changes once; the last step is what proves that both have everything."""

DEATHS = ("locked", "sales", "ledger", "log", "committed", "history")


@dataclass
class Place:
    """A home whose stores sell, and who runs it."""

    home: Home
    world: Ordeal
    runner: Runner

    def run(self, name: str, **more: str) -> int:
        return self.runner.run(DB_MODE=name, INIT="yes", **more)

    def assert_right(self, name: str) -> None:
        """Each sink that the mode writes holds what the stores' files say."""
        for sink in Mode(name).sinks:
            assert self.world.wrong(self.home, sink) == {}, (name, sink)


@pytest.fixture
def place(pg_settings: Settings, tmp_path: Path) -> Iterator[Place]:
    settings = pg_settings.model_copy(update={"fluxion_source": "archivos", "fluxion_source_path": tmp_path / "drops"})
    runner = Runner(settings, tmp_path / "log")
    try:
        yield Place(Home(settings), Ordeal(tmp_path / "drops", random.Random(3)).begin(), runner)
    finally:
        runner.close()


def test_every_mode_follows_every_other_with_a_sink_dying_on_each_way(place: Place) -> None:
    assert place.run("duckdb") == 0
    place.assert_right("duckdb")
    for step, name in enumerate(WALK):
        place.world.step()
        for sink in Mode(name).sinks:
            assert place.run(name, **{VARIABLE: f"{sink}.{DEATHS[step % len(DEATHS)]}"}) == -signal.SIGKILL, (step, name, sink)
        if SinkName.POSTGRESQL in Mode(name).sinks:
            place.world.step()
            assert place.run(name, POSTGRES_PORT="9") != 0
        assert place.run(name) == 0, (step, name, place.runner.log.read_text()[-2000:])
        place.assert_right(name)


def test_a_run_that_is_under_way_while_the_mode_changes_ends_in_the_mode_that_it_began_with(place: Place) -> None:
    home, file = place.home.settings.home, place.home.settings.home / "fluxion.env"
    home.mkdir(parents=True)
    file.write_text("DB_MODE=duckdb\n")
    assert place.run("") == 0
    place.world.step()
    with hold(home / "locks" / "ventas.lock", purpose="a test"), hold(home / "locks" / "recuperacion.lock", purpose="a test"):
        place.runner.start(DB_MODE="")
        time.sleep(1.5)
        file.write_text("DB_MODE=dual\n")
        for step in mode_of(place, "dual"):
            assert step is None
    assert place.runner.end() == 0, place.runner.log.read_text()[-2000:]
    place.assert_right("duckdb")
    assert mode.state(place.home.app).last is Mode.DUCKDB
    assert place.home.run(SinkName.POSTGRESQL, "SELECT count(*) FROM ventas") == [(0,)]
    place.world.step()
    assert place.run("") == 0
    place.assert_right("dual")
    assert mode.state(place.home.app).last is Mode.DUAL


def mode_of(place: Place, name: str) -> list[object]:
    """``fluxion init`` in a mode; what went wrong with each sink."""
    from fluxion_pipeline.operations.initialise import initialise

    return [step.error for step in initialise(Home(place.home.settings.model_copy(update={"db_mode": Mode(name)})).app)]
