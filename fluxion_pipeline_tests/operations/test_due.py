"""Which days and ticks a run asks a live system for, by a clock that the test sets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from fluxion_pipeline.contracts.outcomes import Fact
from fluxion_pipeline.errors import ContractError
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.operations.initialise import initialise
from fluxion_pipeline.operations.land import LandingReport, Request, read_and_land
from fluxion_pipeline.settings import Settings
from fluxion_pipeline_tests.support.days import hours, local
from fluxion_pipeline_tests.support.tills import Question, Said, Tills, article, said, sale, sales, tills


@dataclass
class World:
    """A home, its server and its clock."""

    server: Tills
    app: App
    now: list[datetime] = field(default_factory=list)

    def run(self, at: str, **more: object) -> LandingReport:
        """A run of one store at a local time."""
        self.now[:] = [local(at)]
        self.server.asked.clear()
        fact = more.pop("fact", Fact.VENTAS)
        return read_and_land(self.app, Request(fact, locations=("SUC001",), **more))  # type: ignore[arg-type]

    def days(self, at: str, **more: object) -> list[str]:
        """The days that a run at a local time asks for."""
        self.run(at, **more)
        return [str(q.body["fecha_desde"]) for q in self.server.asked]

    def asked(self, at: str, **more: object) -> list[str]:
        """The same with the hours that are asked for, where it isn't the whole day."""
        self.run(at, **more)
        return [hours(q) for q in self.server.asked]


def answer(question: Question) -> Said:
    if question.path == "/ventas":
        day = str(question.body["fecha_desde"])
        return said(sales([sale(day, f"{day}{n}") for n in range(3)]))
    return said({"articulos": [article(f"{n:06d}", n) for n in range(5)]})


@pytest.fixture
def world(duck_settings: Settings) -> Iterator[World]:
    with tills(answer) as server:
        now: list[datetime] = [local("2025-11-24T12:10")]
        app = App(duck_settings.model_copy(update={"fluxion_source": "klk", "klk_base_url": server.url}), clock=lambda: now[0])
        assert [step.error for step in initialise(app)] == [None]
        yield World(server, app, now)


def test_a_store_begins_with_yesterday_and_a_closed_day_is_not_asked_for_again(world: World) -> None:
    assert world.days("2025-11-24T12:10") == ["2025-11-23", "2025-11-24"]
    assert world.days("2025-11-24T13:05") == ["2025-11-24"]


def test_a_day_stays_open_until_it_is_read_two_hours_after_its_end(world: World) -> None:
    world.run("2025-11-24T22:05")
    assert world.asked("2025-11-25T00:05") == ["2025-11-24 21:55:00–", "2025-11-25"]
    assert world.asked("2025-11-25T01:59") == ["2025-11-25"]  # the day before is covered to its end, and can't be closed yet
    assert world.asked("2025-11-25T02:00") == ["2025-11-24", "2025-11-25"]
    assert world.asked("2025-11-25T02:05") == ["2025-11-25"]


def test_a_store_that_was_away_for_days_is_read_oldest_first_when_it_is_back(world: World) -> None:
    world.run("2025-11-20T12:00")
    world.server.answer = lambda _: said({"error": "apagado"}, status=400)
    for day in (21, 22, 23):
        world.run(f"2025-11-{day}T12:00")
    world.server.answer = answer
    assert world.days("2025-11-24T12:00") == ["2025-11-20", "2025-11-21", "2025-11-22", "2025-11-23", "2025-11-24"]
    assert world.days("2025-11-24T12:30") == ["2025-11-24"]


def test_an_old_day_that_failed_is_asked_for_again_though_later_ones_are_closed(world: World) -> None:
    world.server.answer = lambda q: said({"datos": []}) if q.body["fecha_desde"] == "2025-11-23" else answer(q)
    world.run("2025-11-24T12:00")
    world.run("2025-11-25T12:00")
    assert world.days("2025-11-26T12:00") == ["2025-11-23", "2025-11-25", "2025-11-26"]


def test_nothing_before_a_month_is_asked_for_without_being_named(world: World) -> None:
    world.run("2025-11-24T12:00")
    asked = world.days("2026-01-24T12:00")
    assert (asked[0], asked[-1], len(asked)) == ("2025-12-24", "2026-01-24", 32)


@pytest.mark.parametrize(
    ("low", "high", "wanted"),
    [
        ("2025-11-20", "2025-11-22", ["2025-11-20", "2025-11-21", "2025-11-22"]),
        ("2025-11-23", None, ["2025-11-23", "2025-11-24"]),
        ("2025-11-23", "2025-12-31", ["2025-11-23", "2025-11-24"]),
    ],
)
def test_days_that_are_named_are_read_whatever_is_known_of_them(world: World, low: str, high: str | None, wanted: list[str]) -> None:
    for _ in range(2):
        assert world.days("2025-11-24T12:10", low=low, high=high) == wanted


def test_days_to_come_are_refused(world: World) -> None:
    with pytest.raises(ContractError, match="2025-11-25 is after today"):
        world.run("2025-11-24T12:10", low="2025-11-25")


def test_stock_is_read_as_the_latest_tick_each_time_it_is_asked_for(world: World) -> None:
    for at in ("2025-11-24T12:10", "2025-11-24T12:15"):
        (landing,) = world.run(at, fact=Fact.INVENTARIO).landings
        assert (landing.cut, len(world.server.asked)) == ("2025-11-24T1200", 1)
    assert world.run("2025-11-24T12:31", fact=Fact.INVENTARIO).landings[0].cut == "2025-11-24T1230"


@pytest.mark.parametrize("tick", ["2025-11-24T1130", "2025-11-24T1230", "2025-11-23T1200"])
def test_a_tick_that_is_not_now_is_refused(world: World, tick: str) -> None:
    with pytest.raises(ContractError, match="only knows its stock of now, which is tick 2025-11-24T1200"):
        world.run("2025-11-24T12:10", fact=Fact.INVENTARIO, low=tick, high=tick)
    assert world.server.asked == []


def test_the_tick_of_now_may_be_named(world: World) -> None:
    assert len(world.run("2025-11-24T12:10", fact=Fact.INVENTARIO, low="2025-11-24T1200", high="2025-11-24T1200").landings) == 1


def test_a_run_of_a_schedule_spares_a_store_that_is_known_to_be_dead(world: World) -> None:
    world.server.answer = lambda _: said({}, status=403)
    world.run("2025-11-24T12:10", low="2025-11-20", scheduled=True)
    assert len(world.server.asked) == 3
    world.run("2025-11-24T12:10", low="2025-11-20")
    assert len(world.server.asked) == 5


def test_a_later_day_of_a_clock_goes_on_where_it_was(world: World) -> None:
    world.run("2025-11-24T12:10")
    assert world.days(str(local("2025-11-24T12:10").replace(tzinfo=None) + timedelta(days=2))) == ["2025-11-24", "2025-11-25", "2025-11-26"]
