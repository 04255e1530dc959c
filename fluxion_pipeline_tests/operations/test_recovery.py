"""What a night reads again: every day that isn't closed, however old, then the newest closed ones."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fluxion_pipeline.contracts.clock import UTC, parse_day
from fluxion_pipeline.contracts.outcomes import Fact
from fluxion_pipeline.landing.known import Known
from fluxion_pipeline.operations import recovery
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.operations.initialise import initialise
from fluxion_pipeline.operations.land import Request, read_and_land
from fluxion_pipeline.operations.recovery import days_between, last_mark, plan
from fluxion_pipeline.settings import Settings
from fluxion_pipeline_tests.support import drops
from fluxion_pipeline_tests.support.days import Days, days, local
from fluxion_pipeline_tests.support.home import Home

DONE, OPEN, FAILED = Known("completo", attempt="completo"), Known("en_curso", attempt="en_curso"), Known(attempt="inalcanzable")


def month(first: str, last: str) -> dict[str, Known]:
    return dict.fromkeys(days_between(parse_day(first), parse_day(last)), DONE)


def test_open_days_come_first_oldest_first_then_the_last_three_closed_ones() -> None:
    known = month("2025-11-01", "2025-11-24") | {"2025-11-03": FAILED, "2025-11-20": OPEN, "2025-11-22": Known("vacio", attempt="vacio")}
    del known["2025-11-10"]
    found = plan(known, (), local("2025-11-25T03:00"))  # a Tuesday
    assert found.open == ("2025-11-03", "2025-11-10", "2025-11-20")
    assert found.again == ("2025-11-22", "2025-11-23", "2025-11-24")
    assert found.days == found.open + found.again


def test_on_sundays_the_last_31_closed_ones_are_read_again() -> None:
    found = plan(month("2025-10-01", "2025-11-22"), (), local("2025-11-23T03:00"))
    assert (len(found.again), found.again[0], found.again[-1]) == (31, "2025-10-23", "2025-11-22")
    assert len(plan(month("2025-10-01", "2025-11-22"), (), local("2025-11-22T23:00")).again) == 3


def test_however_old_a_day_is_and_whether_it_was_ever_tried() -> None:
    found = plan({"2025-01-01": FAILED, "2025-01-02": DONE, "2025-11-23": OPEN}, (), local("2025-11-25T03:00"))
    assert found.open[0] == "2025-01-01"
    assert list(found.open[1:]) == days_between(parse_day("2025-01-03"), parse_day("2025-11-24"))


@pytest.mark.parametrize(("at", "newest"), [("2025-11-25T01:59", "2025-11-23"), ("2025-11-25T02:00", "2025-11-24"), ("2025-11-25T23:30", "2025-11-24")])
def test_a_day_that_can_not_be_closed_yet_is_left_to_the_hourly_run(at: str, newest: str) -> None:
    assert plan({"2025-11-20": DONE, "2025-11-24": OPEN, "2025-11-25": OPEN}, (), local(at)).open[-1] == newest


def test_a_closing_day_that_was_looked_at_is_closed_and_looked_at_again_like_any_other() -> None:
    shut = Known(attempt="cerrado")
    known = {"2025-11-20": shut, "2025-11-21": DONE, "2025-11-22": DONE, "2025-11-23": shut, "2025-11-24": DONE}
    found = plan(known, {"2025-11-23"}, local("2025-11-25T03:00"))
    assert found.open == ("2025-11-20",)  # its line was taken out of the calendar
    assert found.again == ("2025-11-22", "2025-11-23", "2025-11-24")


def test_of_a_location_of_which_nothing_is_known_yesterday_is_expected() -> None:
    assert plan({}, (), local("2025-11-25T03:00")).days == ("2025-11-24",)
    assert plan({"2025-11-25": OPEN}, (), local("2025-11-25T03:00")).days == ("2025-11-24",)


@pytest.fixture
def world(duck_settings: Settings) -> Iterator[Days]:
    with days(duck_settings) as found:
        yield found


def test_a_schedule_leaves_older_days_to_the_recovery_and_a_person_does_not(world: Days) -> None:
    world.trade("2025-11-19T08:00", "2025-11-25T20:00", ["SUC001"])
    world.run("2025-11-20T12:00")
    assert world.asked("2025-11-24T12:05", scheduled=True) == ["2025-11-23", "2025-11-24"]
    assert world.asked("2025-11-25T03:00", recovery=True) == [f"2025-11-{n}" for n in (20, 21, 22, 24, 19, 23)]
    assert world.asked("2025-11-25T12:00") == ["2025-11-25"]


def test_the_recovery_leaves_its_mark_when_it_read_every_location(world: Days) -> None:
    home = world.app.settings.home
    world.run("2025-11-25T03:00", recovery=True)
    assert last_mark(home) is None
    world.away = {"SUC007"}
    world.now = local("2025-11-25T03:00")
    report = read_and_land(world.app, Request(Fact.VENTAS, locations=(), recovery=True))
    found = last_mark(home)
    assert found is not None
    assert (found.begun, found.readings, found.failed) == (local("2025-11-25T03:00").astimezone(UTC), len(report.landings), len(report.failed))
    (home / recovery.MARK).write_text("{")
    assert last_mark(home) is None


def test_of_files_the_recovery_reads_those_that_are_unread(duck_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("drops")
    for day in ("2025-11-20", "2025-11-23"):
        drops.write_sales(folder, "tienda_01", day, [drops.sale(day)])
    home = Home(duck_settings.model_copy(update={"fluxion_source": "archivos", "fluxion_source_path": folder})).ready()
    recover = Request(Fact.VENTAS, locations=("SUC001",), recovery=True)
    assert [x.cut for x in read_and_land(home.app, recover).landings] == ["2025-11-20", "2025-11-23"]
    drops.write_sales(folder, "tienda_01", "2025-11-20", [drops.sale("2025-11-20", cantidad=9)])
    assert [x.cut for x in read_and_land(home.app, recover).landings] == ["2025-11-20"]


def test_a_file_that_was_read_before_its_day_could_be_closed_is_read_once_more(duck_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("drops")
    drops.write_sales(folder, "tienda_01", "2025-11-24", [drops.sale("2025-11-24")])
    now = [local("2025-11-24T20:00")]
    settings = duck_settings.model_copy(update={"fluxion_source": "archivos", "fluxion_source_path": folder})
    app = App(settings, clock=lambda: now[0])
    assert [step.error for step in initialise(app)] == [None]

    def run(at: str) -> list[str]:
        now[0] = local(at)
        return [x.outcome.value for x in read_and_land(app, Request(Fact.VENTAS, locations=("SUC001",))).landings]

    assert [run(f"2025-11-{at}") for at in ("24T20:00", "25T01:59", "25T02:00", "25T02:30")] == [["en_curso"], [], ["completo"], []]
