"""PostgreSQL stands still for ten ticks and two days of sales; then one ``fluxion sync`` brings it everything, and the full proof says so."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from fluxion_pipeline.contracts.outcomes import SinkName
from fluxion_pipeline_tests.support import postgres
from fluxion_pipeline_tests.support.commands import fluxion
from fluxion_pipeline_tests.support.home import Home
from fluxion_pipeline_tests.support.lightrun import Runner
from fluxion_pipeline_tests.support.ordeal import Ordeal

pytestmark = [pytest.mark.e2e, pytest.mark.long]


def test_a_server_that_was_off_for_ten_ticks_and_two_days_of_sales_has_everything_after_one_sync(tmp_path: Path) -> None:
    with postgres.server_alone() as address:
        settings = postgres.settings_for(address, "postgres", tmp_path / "home").model_copy(
            update={"fluxion_source": "archivos", "fluxion_source_path": tmp_path / "drops"}
        )
        home, world, runner = Home(settings), Ordeal(tmp_path / "drops", random.Random(9)).begin(), Runner(settings, tmp_path / "log")
        try:
            assert runner.run(INIT="yes") == 0, runner.log.read_text()
            for _ in range(10):
                world.step()
                assert runner.run(POSTGRES_PORT="9") == 1
                assert world.wrong(home, SinkName.DUCKDB) == {}
            assert "duckdb" not in runner.log.read_text("utf-8").lower()
        finally:
            runner.close()
        assert set(world.wrong(home, SinkName.POSTGRESQL)) >= {"ventas", "inventario_actual", "inventario_cortes"}
        done = fluxion(settings, "sync")
        assert done.code == 0, done.text
        proven = fluxion(settings, "parity", "--full")
        assert proven.code == 0, proven.text
        assert world.wrong(home, SinkName.POSTGRESQL) == {}
