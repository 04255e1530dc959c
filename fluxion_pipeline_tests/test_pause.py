"""A pause begins when the last transaction has ended, keeps every writer waiting, and refuses what a person types."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from fluxion_pipeline import pause
from fluxion_pipeline.contracts.clock import UTC, now
from fluxion_pipeline.contracts.outcomes import SinkName
from fluxion_pipeline.errors import BusyError, PausedError
from fluxion_pipeline.settings import Settings
from fluxion_pipeline_tests.support.home import DAY, Home
from fluxion_pipeline_tests.support.readings import invoices, sales

NOON = datetime(2026, 3, 2, 16, 0, tzinfo=UTC)
STILL = 0.7
"""Seconds after which something that has not happened is taken to be waiting."""


def test_a_pause_returns_only_when_the_transaction_under_way_has_ended(tmp_path: Path) -> None:
    inside, leave = threading.Event(), threading.Event()

    def write() -> float:
        with pause.writing(tmp_path):
            inside.set()
            leave.wait(20)
            return time.monotonic()

    with ThreadPoolExecutor(2) as pool:
        writer = pool.submit(write)
        inside.wait(20)
        asked = pool.submit(lambda: (pause.begin(tmp_path, "x", NOON), time.monotonic())[1])
        time.sleep(STILL)
        assert not asked.done()
        leave.set()
        assert asked.result(20) >= writer.result(20)


def test_a_transaction_that_does_not_end_is_told_and_the_pause_stands(tmp_path: Path) -> None:
    with pause.writing(tmp_path), pytest.raises(BusyError):
        pause.begin(tmp_path, "x", NOON, wait=0)
    assert pause.standing(tmp_path)


def test_landings_and_sinks_wait_and_go_on_with_the_end_of_the_pause(duck_settings: Settings) -> None:
    home = Home(duck_settings).ready()
    home.land(sales("SUC001", DAY, invoices(1)))
    pause.begin(duck_settings.home, "", now())
    with ThreadPoolExecutor(2) as pool:
        sink = pool.submit(home.converge, SinkName.DUCKDB)
        landing = pool.submit(home.land, sales("SUC007", DAY, invoices(2)))
        time.sleep(STILL)
        assert (sink.done(), landing.done()) == (False, False)
        assert home.run(SinkName.DUCKDB, "SELECT count(*) FROM ventas") == [(0,)]
        assert home.outbox.index.sequence("SUC007") == 0
        pause.end(duck_settings.home, now())
        sink.result(20)
        assert landing.result(20)[0].lote_id
    home.converge(SinkName.DUCKDB)
    home.assert_equal(SinkName.DUCKDB)


def test_who_waits_is_told_once_why(tmp_path: Path) -> None:
    pause.begin(tmp_path, "disk\nmoves", NOON)
    told: list[str] = []
    ends = threading.Timer(STILL, pause.end, (tmp_path, NOON))
    ends.start()
    pause.wait_for_end(tmp_path, told.append)
    ends.join()
    assert [("disk moves" in t, "fluxion resume" in t) for t in told] == [(True, True)]


def test_a_second_pause_changes_nothing_of_the_first(tmp_path: Path) -> None:
    first = pause.begin(tmp_path, "first", NOON)
    assert pause.begin(tmp_path, "second", NOON + timedelta(hours=1)) == first
    with pytest.raises(PausedError, match="paused since 2026-03-02 16:00 UTC by .*: first → fluxion resume"):
        pause.check(tmp_path)
    assert pause.end(tmp_path, NOON) == first
    assert pause.end(tmp_path, NOON) is None
    pause.check(tmp_path)


def test_it_is_remembered_when_was_paused(tmp_path: Path) -> None:
    for hour in (0, 2):
        pause.begin(tmp_path, "", NOON + timedelta(hours=hour))
        pause.end(tmp_path, NOON + timedelta(hours=hour + 1))
    pause.begin(tmp_path, "", NOON + timedelta(hours=4))
    found = [pause.was_paused(tmp_path, NOON + timedelta(hours=h)) for h in (-0.5, 0.5, 1.5, 2.5, 3.5, 9)]
    assert found == [False, True, False, True, False, True]


def test_a_file_that_cannot_be_read_is_a_pause(tmp_path: Path) -> None:
    (tmp_path / pause.FILE).write_text("{", "utf-8")
    with pytest.raises(PausedError, match="can't be read"):
        pause.check(tmp_path)
    pause.end(tmp_path, NOON)
    assert pause.standing(tmp_path) is None
