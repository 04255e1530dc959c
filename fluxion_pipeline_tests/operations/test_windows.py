"""The day in progress is read from its watermark: nothing is asked twice, and nothing is lost or doubled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime

import pytest

from fluxion_pipeline.contracts.clock import UTC
from fluxion_pipeline.contracts.outcomes import Fact, Outcome
from fluxion_pipeline.contracts.tables import spec
from fluxion_pipeline.landing.known import known_days
from fluxion_pipeline.operations.windows import Due, due
from fluxion_pipeline.settings import Settings
from fluxion_pipeline_tests.support.days import Days, days, local
from fluxion_pipeline_tests.support.home import wanted
from fluxion_pipeline_tests.support.tills import said

DAY = "2025-11-24"


@pytest.fixture
def world(duck_settings: Settings) -> Iterator[Days]:
    with days(duck_settings) as found:
        yield found


def landed(world: Days) -> Counter[tuple[str, str, int]]:
    """(store, invoice, quantity) of the newest images."""
    names = spec("ventas").columns
    place, invoice, quantity = (names.index(c) for c in ("ubicacion_codigo", "numero_factura", "cantidad"))
    return Counter({(r[place], r[invoice], int(r[quantity])): n for r, n in wanted(world.app.outbox, "ventas").items()})


def watermark(world: Days, day: str = DAY) -> datetime | None:
    return known_days(world.app.outbox.index, Fact.VENTAS, "SUC001")[day].covered_until


@pytest.mark.parametrize(
    ("covered", "at", "found"),
    [
        (None, "2025-11-24T12:00", Due(DAY)),
        ("2025-11-24T00:10", "2025-11-24T01:00", Due(DAY)),
        ("2025-11-24T00:11", "2025-11-24T01:00", Due(DAY, (local("2025-11-24T00:01"), local("2025-11-25T00:00")))),
        ("2025-11-24T23:59", "2025-11-25T00:05", Due(DAY, (local("2025-11-24T23:49"), local("2025-11-25T00:00")))),
        ("2025-11-25T00:00", "2025-11-25T01:59:59", None),
        ("2025-11-25T00:00", "2025-11-25T02:00", Due(DAY)),
        ("2025-11-24T10:00", "2025-11-28T12:00", Due(DAY)),
    ],
)
def test_a_day_is_asked_for_in_full_from_its_watermark_or_not_at_all(covered: str | None, at: str, found: Due | None) -> None:
    assert due(DAY, local(covered) if covered else None, local(at)) == found


def test_each_run_of_a_day_asks_for_what_came_since_the_last_one(world: Days) -> None:
    world.trade("2025-11-23T08:00", "2025-11-24T20:00")
    assert world.asked("2025-11-24T09:05") == ["2025-11-23", "2025-11-24"]
    assert world.asked("2025-11-24T10:05") == ["2025-11-24 08:55:00–"]
    assert world.asked("2025-11-24T11:05") == ["2025-11-24 09:55:00–"]
    assert landed(world) == world.uploaded("SUC001")
    assert watermark(world) == local("2025-11-24T11:05").astimezone(UTC)
    assert known_days(world.app.outbox.index, Fact.VENTAS, "SUC001")[DAY].outcome == "en_curso"
    assert world.asked("2025-11-25T00:05") == ["2025-11-24 10:55:00–", "2025-11-25"]
    assert watermark(world) == local("2025-11-25T00:00").astimezone(UTC)
    assert world.asked("2025-11-25T02:05") == ["2025-11-24", "2025-11-25"]
    assert known_days(world.app.outbox.index, Fact.VENTAS, "SUC001")[DAY].outcome == "completo"
    assert landed(world) == world.uploaded("SUC001")


def test_a_window_that_fails_moves_no_watermark_and_the_next_one_is_longer(world: Days) -> None:
    world.trade("2025-11-23T08:00", "2025-11-24T20:00")
    world.run("2025-11-24T09:05")
    world.away = {"SUC001"}
    (failed,) = world.run("2025-11-24T10:05").landings
    assert failed.outcome is Outcome.INALCANZABLE
    world.away = set()
    world.server.answer = lambda _: said({"meta": {"total_registros": 0}, "ventas": []})  # nothing, where there was something a moment ago
    (empty,) = world.run("2025-11-24T11:05").landings
    assert (empty.outcome, empty.applied) == (Outcome.SOSPECHOSO, False)
    world.server.answer = world.answer
    assert world.asked("2025-11-24T12:05") == ["2025-11-24 08:55:00–"]
    assert landed(world) == world.uploaded("SUC001")


def test_a_host_that_was_off_for_hours_goes_on_at_its_watermark(world: Days) -> None:
    world.trade("2025-11-23T08:00", "2025-11-24T20:00")
    world.run("2025-11-24T09:05")
    assert world.asked("2025-11-24T17:40") == ["2025-11-24 08:55:00–"]
    assert landed(world) == world.uploaded("SUC001")


def test_late_and_corrected_lines_and_tills_with_a_wrong_clock_are_there_when_the_day_is_closed(world: Days) -> None:
    world.sell("2025-11-24T09:00")
    world.sell("2025-11-24T09:02", "2025-11-24T10:09", invoice="within the overlap")
    world.sell("2025-11-24T08:00", "2025-11-24T15:00", invoice="late by hours")
    world.sell("2025-11-24T10:00", invoice="corrected")
    world.sell("2025-11-24T10:00", "2025-11-24T18:00", invoice="corrected", quantity=7)
    world.sell("2025-11-24T13:00", "2025-11-24T10:00", invoice="clock ahead")
    world.sell("2025-11-24T07:00", "2025-11-24T10:30", invoice="clock behind")
    world.run("2025-11-24T09:10")
    world.run("2025-11-24T10:10")
    assert {invoice for _, invoice, _ in landed(world)} == {"SUC0012025-11-24T09:00", "within the overlap", "corrected", "clock ahead"}
    for at in ("11:10", "13:30", "19:00"):
        world.run(f"2025-11-24T{at}")
    assert ("SUC001", "corrected", 7) not in landed(world)
    world.run("2025-11-25T02:05")
    assert landed(world) == world.uploaded("SUC001")


def test_an_invoice_whose_day_is_corrected_is_not_doubled(world: Days) -> None:
    world.sell("2025-11-23T23:58", "2025-11-23T23:59", invoice="moved")
    world.sell("2025-11-24T00:20", "2025-11-24T11:00", invoice="moved")
    world.sell("2025-11-24T12:00")
    world.run("2025-11-24T10:00")
    assert landed(world) == world.uploaded("SUC001")
    world.run("2025-11-24T12:10", low="2025-11-23")
    assert landed(world) == world.uploaded("SUC001")


def test_days_that_a_person_names_are_read_in_full(world: Days) -> None:
    world.trade("2025-11-24T08:00", "2025-11-24T20:00")
    world.run("2025-11-24T09:05")
    assert world.asked("2025-11-24T10:05", low=DAY) == [DAY]
    assert world.asked("2025-11-24T11:05") == ["2025-11-24 09:55:00–"]
