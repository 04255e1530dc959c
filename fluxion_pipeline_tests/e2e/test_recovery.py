"""Stores and hosts that were away for days heal by the nightly recovery alone: nothing lost, nothing doubled, in both sinks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from fluxion_pipeline.contracts.outcomes import Fact, SinkName
from fluxion_pipeline.defs.execute import execute
from fluxion_pipeline.operations.land import Request, read_and_land
from fluxion_pipeline.settings import Settings
from fluxion_pipeline_tests.support.days import STORES, Days, days, hours, local
from fluxion_pipeline_tests.support.home import Home

pytestmark = pytest.mark.e2e

ALL = tuple(STORES)


@pytest.fixture
def world(pg_settings: Settings) -> Iterator[Days]:
    with days(pg_settings) as found:
        yield found


def hourly(world: Days, first: str, last: str, every: int = 4) -> None:
    """The sales schedule's runs between two local times, every few hours."""
    at = local(first)
    while at <= local(last):
        world.now = at
        read_and_land(world.app, Request(Fact.VENTAS, locations=ALL, scheduled=True))
        at += timedelta(hours=every)


def night(world: Days, day: str) -> list[str]:
    """The recovery of a night, from the job to both sinks; the questions about the first store, in their order."""
    world.now = local(f"{day}T03:00")
    world.server.asked.clear()
    outcome = execute(world.app, Request(Fact.VENTAS, locations=ALL, recovery=True))
    assert outcome.report is not None
    assert not outcome.report.errors
    assert not any(outcome.sinks.values()), outcome.sinks
    return [hours(q) for q in world.server.of("SUC001")]


def held(world: Days, sink: SinkName) -> Counter[tuple[Any, ...]]:
    sql = "SELECT ubicacion_codigo, numero_factura, cantidad FROM ventas"
    return Counter((place, invoice, int(n)) for place, invoice, n in Home(world.app.settings).run(sink, sql))


def assert_exact(world: Days) -> None:
    for sink in SinkName:
        assert held(world, sink) == world.uploaded(), sink


def covered(world: Days, sink: SinkName) -> set[tuple[str, str, str]]:
    sql = "SELECT ubicacion_codigo, corte, resultado FROM cobertura WHERE tabla = 'ventas' AND cargadas > 0"
    return {(place, cut, outcome) for place, cut, outcome in Home(world.app.settings).run(sink, sql)}


def test_a_store_that_is_down_for_three_days_and_back_is_healed_with_no_hand(world: Days) -> None:
    world.trade("2025-11-18T07:00", "2025-11-23T00:00")
    hourly(world, "2025-11-18T08:05", "2025-11-19T12:05")
    world.away = {"SUC001"}
    hourly(world, "2025-11-19T14:05", "2025-11-20T00:05")
    for day in ("20", "21", "22"):
        night(world, f"2025-11-{day}")
        hourly(world, f"2025-11-{day}T09:05", f"2025-11-{day}T21:05", every=12)
    missing = world.uploaded() - held(world, SinkName.DUCKDB)
    assert {invoice[6:10] for store, invoice, _ in missing if store == "SUC001"} == {"1119", "1120", "1121", "1122"}
    world.away = set()
    hourly(world, "2025-11-22T22:05", "2025-11-22T22:05")
    assert night(world, "2025-11-23")[:3] == ["2025-11-19", "2025-11-20", "2025-11-22"]  # the hourly run has closed the 21st
    assert_exact(world)
    assert covered(world, SinkName.POSTGRESQL) == {(s, f"2025-11-{d}", "completo") for s in STORES for d in (18, 19, 20, 21, 22)}


def test_a_host_that_is_off_for_four_days_in_the_middle_of_a_day_goes_on_where_it_was(world: Days) -> None:
    world.trade("2025-11-17T07:00", "2025-11-22T21:00")
    hourly(world, "2025-11-17T09:05", "2025-11-18T11:05", every=2)
    world.now = local("2025-11-22T11:10")  # four days later, in the middle of a day again
    world.server.asked.clear()
    read_and_land(world.app, Request(Fact.VENTAS, locations=ALL, scheduled=True))
    assert [hours(q) for q in world.server.of("SUC001")] == ["2025-11-21", "2025-11-22"]  # the tick of now is not held up by days of before
    hourly(world, "2025-11-22T12:05", "2025-11-23T00:05", every=4)
    assert night(world, "2025-11-23")[:4] == [f"2025-11-{n}" for n in (18, 19, 20, 22)]
    assert_exact(world)
    assert night(world, "2025-11-24") == ["2025-11-23", "2025-11-20", "2025-11-21", "2025-11-22"]
    assert_exact(world)
    assert set(world.server.most.values()) == {1}
