"""Logs are kept short, and the disk's days are told from what its consumers took."""

from __future__ import annotations

import errno
import shutil
from datetime import datetime, timedelta

import pytest

from fluxion_pipeline.contracts.clock import UTC
from fluxion_pipeline.operations import cleaning
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.operations.cleaning import clean, shorten_logs
from fluxion_pipeline.operations.disk import Measure, enough, forecast, measure, measures, note
from fluxion_pipeline.settings import Settings
from fluxion_pipeline_tests.support.home import NEXT, TICK, Home
from fluxion_pipeline_tests.support.readings import stock

NOON = datetime(2026, 3, 2, 16, 0, tzinfo=UTC)
GB = 1_000_000_000


def growing(days: int, daily: int, free: int = 100 * GB) -> list[Measure]:
    return [Measure(NOON + timedelta(days=d), {"lotes": GB + d * daily, "duckdb": GB}, free - d * daily) for d in range(days)]


def test_the_days_left_are_what_is_free_over_what_is_taken_a_day() -> None:
    lotes, duckdb, everything = forecast(growing(10, GB))
    assert lotes.days == pytest.approx(91)
    assert duckdb.days is None
    assert everything.days == pytest.approx(91)


def test_one_day_says_nothing_yet_and_old_measures_no_longer() -> None:
    assert [f.days for f in forecast(growing(1, GB))] == [None] * 3
    old = [Measure(NOON - timedelta(days=90), {"lotes": 0, "duckdb": 0}, GB), *growing(10, 0)]
    assert [f.days for f in forecast(old)] == [None] * 3
    assert forecast(()) == ()


@pytest.mark.parametrize(("daily", "passed"), [(GB, True), (10 * GB, False)])
def test_the_check_warns_when_less_than_two_weeks_are_left(duck_settings: Settings, daily: int, passed: bool) -> None:
    duck_settings.home.mkdir(parents=True)
    for found in growing(5, daily):
        note(duck_settings.home, found)
    told = enough(App(duck_settings))
    assert (told.passed, told.serious) == (passed, False)
    assert ("lotes fills the disk in 6 days" in told.summary) is not passed
    assert "lotes" in told.sample


def test_without_measures_the_check_says_so(duck_settings: Settings) -> None:
    duck_settings.home.mkdir(parents=True)
    assert "no cleaning has measured yet" in enough(App(duck_settings)).summary


def test_a_torn_measure_is_left_out_and_the_next_one_is_kept(duck_settings: Settings) -> None:
    home = duck_settings.home
    (home / "lotes").mkdir(parents=True)
    (home / "lotes" / "x").write_bytes(b"x" * 5000)
    app = App(duck_settings)
    note(home, measure(app))
    with (home / "disco.jsonl").open("a", encoding="utf-8") as lines:
        lines.write('{"en": "2026')
    note(home, measure(app))
    assert [m.used["lotes"] for m in measures(home)] == [5000, 5000]
    assert measures(home)[-1].free <= shutil.disk_usage(home).total


def test_a_long_log_is_halved_in_place_and_its_writer_goes_on(duck_settings: Settings) -> None:
    path = duck_settings.home / "postgres" / "server.log"
    path.parent.mkdir(parents=True)
    with path.open("ab", buffering=0) as writer:
        for n in range(1000):
            writer.write(f"line {n:06d}\n".encode())
        gone = shorten_logs(App(duck_settings), 4000)
        writer.write(b"after\n")
    old = path.with_name("server.log.old").read_text("utf-8").splitlines()
    assert path.read_text("utf-8") == "after\n"
    assert old[-1] == "line 000999"
    assert all(line.startswith("line ") for line in old)
    assert gone + sum(len(x) + 1 for x in old) == 12_000
    assert shorten_logs(App(duck_settings), 4000) == 0


def test_a_disk_that_is_full_keeps_no_cleaning_from_letting_files_go(duck_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    at = datetime(2026, 3, 2, 16, 0, tzinfo=UTC)
    home = Home(duck_settings).ready()
    home.land(stock("SUC001", TICK, {"000001": 1}), stock("SUC001", NEXT, {"000001": 2}, 1))
    clean(App(duck_settings, lambda: at))

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(cleaning, "end_rows", full)
    monkeypatch.setattr(cleaning, "compact", full)
    found = clean(App(duck_settings, lambda: at + timedelta(days=15)))
    assert found.dropped.files > 0
    assert "No space left" in found.problems["SUC001"]
