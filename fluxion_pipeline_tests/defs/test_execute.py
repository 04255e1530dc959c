"""The command's runs: outcomes, exit codes, and runs of processes that have died."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import pytest
from dagster import DagsterRunStatus

from fluxion_pipeline.contracts.outcomes import Fact, SinkName, Verdict
from fluxion_pipeline.defs.execute import execute
from fluxion_pipeline.defs.leftovers import PROCESS_TAG, end_leftovers, lives, process_mark
from fluxion_pipeline.locks import hold
from fluxion_pipeline.operations import instance
from fluxion_pipeline.operations.land import Request
from fluxion_pipeline_tests.support import drops
from fluxion_pipeline_tests.support.postgres import environment_of
from fluxion_pipeline_tests.support.shop import STORES, Shop

NEXT = "2026-03-02T0700"


@pytest.fixture(autouse=True)
def _home_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)


@contextmanager
def opened(shop: Shop) -> Iterator[dg.DagsterInstance]:
    """The home's Dagster instance."""
    with instance.prepared(shop.settings), dg.DagsterInstance.get() as home:
        yield home


def dead_mark() -> str:
    """The mark of a process that has ended."""
    done = subprocess.run(
        [sys.executable, "-c", "from fluxion_pipeline.defs.leftovers import process_mark; print(process_mark())"], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def going_on(home: dg.DagsterInstance, **tags: str) -> str:
    """A run that has started, holds the pool of DuckDB, and never ended; its id."""
    run = home.create_run_for_job(job_def=_nothing, status=DagsterRunStatus.STARTED, tags={"fluxion/flujo": "inventario", **tags})
    home.event_log_storage.initialize_concurrency_limit_to_default("duckdb")
    assert home.event_log_storage.claim_concurrency_slot("duckdb", run.run_id, "duckdb_inventario").is_claimed
    return run.run_id


@dg.job(name="inventario")
def _nothing() -> None:
    pass


def test_a_run_is_told_as_it_was(dual: Shop) -> None:
    drops.write_stock(dual.root, STORES[0], NEXT, [drops.stock(amount=8)])
    outcome = execute(dual.app, Request(Fact.INVENTARIO))
    assert outcome.exit_code == 0
    assert outcome.report is not None
    assert outcome.report.total("loaded") == 1
    assert outcome.sinks == {SinkName.DUCKDB: None, SinkName.POSTGRESQL: None}
    assert outcome.wrote[SinkName.DUCKDB]["inventario_actual"] == outcome.wrote[SinkName.POSTGRESQL]["inventario_actual"] == (3, 7)
    assert outcome.parity == {t: Verdict.IGUAL for t in ("inventario_actual", "inventario_historico", "inventario_cortes")}
    assert outcome.checks == {}


def test_a_run_is_in_the_homes_instance_for_the_ui_to_show(shop: Shop) -> None:
    execute(shop.app, Request(Fact.VENTAS))
    with opened(shop) as home:
        (run,) = home.get_runs()
        assert (run.job_name, run.status, run.tags["fluxion/origen"]) == ("ventas", DagsterRunStatus.SUCCESS, "command")
        assert run.tags[".dagster/repository"] == "__repository__@fluxion_pipeline"  # else the UI's page of the job doesn't list it
        assert not home.telemetry_enabled
    assert (shop.settings.home / "dagster" / "dagster.yaml").exists()


def test_a_reading_that_failed_before_and_was_not_asked_for_does_not_fail_this_run(shop: Shop) -> None:
    drops.write_raw(shop.root, f"ventas/{STORES[0]}/2026-03-04.csv", b"")
    assert execute(shop.app, Request(Fact.VENTAS)).exit_code == 1
    assert execute(shop.app, Request(Fact.VENTAS, locations=(STORES[1],))).exit_code == 0


def test_parity_that_differs_fails_the_run(dual: Shop) -> None:
    dual.tamper(SinkName.POSTGRESQL, "DELETE FROM ventas WHERE ubicacion_codigo = 'SUC001'")
    outcome = execute(dual.app, Request(Fact.VENTAS))
    assert (outcome.exit_code, outcome.parity["ventas"]) == (1, Verdict.DIFERENTE)


def test_a_job_that_is_running_elsewhere_is_waited_for_and_then_named(shop: Shop) -> None:
    with hold(shop.app.locks / "ventas.lock", purpose="fluxion run ventas"):
        outcome = execute(shop.app, Request(Fact.VENTAS, wait=0.2))
    assert outcome.exit_code == 2
    assert outcome.refused is not None
    assert f"process {os.getpid()}" in str(outcome.refused)
    assert execute(shop.app, Request(Fact.VENTAS)).exit_code == 0


@pytest.mark.timeout(90)
def test_a_killed_command_keeps_nothing_from_the_next_one(shop: Shop) -> None:
    with opened(shop) as home:
        dead = going_on(home, **{PROCESS_TAG: dead_mark()})
    assert execute(shop.app, Request(Fact.INVENTARIO)).exit_code == 0
    with opened(shop) as home:
        ended = home.get_run_by_id(dead)
        assert ended is not None
        assert ended.status is DagsterRunStatus.FAILURE
        assert home.event_log_storage.get_concurrency_info("duckdb").active_slot_count == 0


def test_a_run_whose_process_lives_is_left_alone(shop: Shop) -> None:
    with opened(shop) as home:
        mine = going_on(home, **{PROCESS_TAG: process_mark()})
        assert end_leftovers(home, shop.settings, alone=True) == []
        run = home.get_run_by_id(mine)
        assert run is not None
        assert run.status is DagsterRunStatus.STARTED


def test_a_servers_run_is_left_alone_while_the_server_lives(shop: Shop) -> None:
    with opened(shop) as home:
        launched = going_on(home)
        with hold(instance.ui_lock(shop.settings)):
            assert end_leftovers(home, shop.settings) == []
        assert end_leftovers(home, shop.settings) == [launched]


def test_a_mark_tells_living_from_dead_and_leaves_other_machines_alone() -> None:
    assert lives(process_mark())
    assert not lives(dead_mark())
    assert lives("another-machine/1/1")


@pytest.mark.timeout(120)
def test_dagsters_own_command_runs_a_job(shop: Shop, tmp_path: Path) -> None:
    drops.write_stock(shop.root, STORES[0], NEXT, [drops.stock(amount=8)])
    with instance.prepared(shop.settings) as folder:
        environment = {**os.environ, **environment_of(shop.settings), "DAGSTER_HOME": str(folder)}
    command = [str(Path(sys.executable).parent / "dagster"), "job", "execute", "-m", "fluxion_pipeline.definitions", "-j", "inventario"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert shop.rows(SinkName.DUCKDB, "SELECT stock FROM inventario_actual WHERE ubicacion_codigo = 'SUC001'") == [(8,)]
