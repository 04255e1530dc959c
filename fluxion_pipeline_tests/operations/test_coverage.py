"""What is told of each location and day, and what the checks make of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from fluxion_pipeline.contracts.outcomes import Fact
from fluxion_pipeline.operations import coverage_checks as checks
from fluxion_pipeline.operations.coverage import Cell, Coverage, coverage
from fluxion_pipeline.operations.coverage_picture import page, write
from fluxion_pipeline.operations.land import Request, read_and_land
from fluxion_pipeline.settings import Settings
from fluxion_pipeline_tests.support import drops
from fluxion_pipeline_tests.support.days import STORES, Days, days, local
from fluxion_pipeline_tests.support.home import Home


@pytest.fixture
def world(duck_settings: Settings) -> Iterator[Days]:
    with days(duck_settings) as found:
        yield found


def told(found: Coverage, store: str = "SUC001") -> dict[str, tuple[str, bool]]:
    """Day → result, and whether it is lacking."""
    return {day[8:]: (c.result, c.lacking) for (place, day), c in found.cells.items() if place == store}


def nightly(world: Days, day: str) -> None:
    world.now = local(f"{day}T03:00")
    read_and_land(world.app, Request(Fact.VENTAS, locations=tuple(STORES), recovery=True))


def test_each_day_says_what_it_is_and_whether_it_should_be_more(world: Days) -> None:
    world.trade("2025-11-20T08:00", "2025-11-24T20:00")
    (world.app.settings.home / "cerrados.csv").write_text("dia,ubicacion,motivo\n2025-11-22,,feriado\n", "utf-8")
    world.lines = [x for x in world.lines if f"{x.sold:%d}" != "22"]
    world.run("2025-11-20T12:00")
    for day in (21, 22):
        nightly(world, f"2025-11-{day}")
    world.away = {"SUC001"}
    for day in (23, 24):
        nightly(world, f"2025-11-{day}")
    world.run("2025-11-24T12:00")
    found = coverage(world.app, Fact.VENTAS, "2025-11-17", "2025-11-30")
    assert told(found) == {
        "19": ("vacio", False),
        "20": ("completo", False),
        "21": ("completo", False),
        "22": ("cerrado", False),
        "23": ("inalcanzable", True),
        "24": ("inalcanzable", True),
    }
    wanted, good = (sum(getattr(c, name) for c in found.cells.values()) for name in ("wanted", "good"))
    assert found.share == pytest.approx(good / wanted)
    assert (found.days[0], found.days[-1], len(found.days)) == ("2025-11-17", "2025-11-30", 14)
    assert not checks.of_yesterday(world.app).passed
    world.away = set()
    world.run("2025-11-24T12:05")
    assert told(coverage(world.app, Fact.VENTAS)) | {"24": ("en_curso", False)} == told(coverage(world.app, Fact.VENTAS))
    world.away = {"SUC001"}
    world.run("2025-11-24T13:05")
    (cell,) = (c for (place, day), c in coverage(world.app, Fact.VENTAS).cells.items() if (place, day) == ("SUC001", "2025-11-24"))
    assert (cell.result, cell.stale, cell.lacking) == ("en_curso", True, False)


def test_a_day_that_nobody_asked_for_is_lacking_as_soon_as_it_should_be_closed(world: Days) -> None:
    world.trade("2025-11-20T08:00", "2025-11-24T20:00")
    world.run("2025-11-20T12:00")
    world.now = local("2025-11-23T03:09")
    assert told(coverage(world.app, Fact.VENTAS)) == {
        "19": ("vacio", False),
        "20": ("en_curso", True),
        "21": ("sin_lectura", True),
        "22": ("sin_lectura", False),
        "23": ("sin_lectura", False),
    }
    world.now = local("2025-11-23T03:10")
    assert told(coverage(world.app, Fact.VENTAS))["22"] == ("sin_lectura", True)
    nightly(world, "2025-11-23")
    assert [c for c in coverage(world.app, Fact.VENTAS).lacking if c.location == "SUC001"] == []


def test_the_checks_of_days_pass_when_all_stores_are_healed(world: Days) -> None:
    world.trade("2025-11-20T08:00", "2025-11-23T00:00")
    world.now = local("2025-11-22T12:00")
    read_and_land(world.app, Request(Fact.VENTAS))
    world.now = local("2025-11-23T04:00")
    assert [c(world.app).passed for c in (checks.of_yesterday, checks.of_the_last_days)] == [False, False]
    read_and_land(world.app, Request(Fact.VENTAS, recovery=True))
    for check in (checks.of_yesterday, checks.of_the_last_days, checks.recovery_alive):
        found = check(world.app)
        assert found.passed, found
    assert checks.of_the_last_days(world.app).numbers["porcentaje"] == 100.0


def test_a_recovery_that_does_not_run_is_told_after_a_night(world: Days) -> None:
    assert checks.recovery_alive(world.app).passed
    world.run("2025-11-20T12:00")
    world.now += timedelta(hours=27)
    assert checks.recovery_alive(world.app).passed
    world.now += timedelta(minutes=1)
    assert (checks.recovery_alive(world.app).passed, "no recovery has ended" in checks.recovery_alive(world.app).summary) == (False, True)
    read_and_land(world.app, Request(Fact.VENTAS, recovery=True))
    assert checks.recovery_alive(world.app).passed
    world.now += timedelta(hours=28)
    assert not checks.recovery_alive(world.app).passed


def test_a_store_that_is_silent_for_two_hours_is_told_and_a_closed_one_is_not(world: Days) -> None:
    world.now = local("2025-11-24T08:01")
    read_and_land(world.app, Request(Fact.INVENTARIO, locations=tuple(STORES)))
    world.away = {"SUC001"}
    for tick in ("08:31", "09:01", "09:31", "10:01"):
        world.now = local(f"2025-11-24T{tick}")
        read_and_land(world.app, Request(Fact.INVENTARIO, locations=tuple(STORES)))
    before = checks.none_silent(world.app)
    assert "SUC001" not in before.summary
    world.now = local("2025-11-24T10:31")
    found = checks.none_silent(world.app)
    assert (found.passed, found.numbers["silenciosas"], found.numbers["silencio_mayor"]) == (False, 1, 4)
    assert "SUC001" in found.summary
    stock = coverage(world.app, Fact.INVENTARIO, "2025-11-24", "2025-11-24")
    cells = {place: c for (place, _), c in stock.cells.items()}
    assert (cells["SUC001"].result, cells["SUC001"].good, cells["SUC001"].wanted) == ("parcial", 1, 5)
    assert (cells["SUC007"].result, cells["SUC007"].lacking) == ("completo", False)
    (world.app.settings.home / "cerrados.csv").write_text("dia,ubicacion,motivo\n2025-11-24,SUC001,inventario\n", "utf-8")
    assert checks.none_silent(world.app).passed


def test_of_files_only_days_that_some_store_has_are_expected(duck_settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "drops"
    for store, day in (("tienda_01", "2025-11-20"), ("tienda_01", "2025-11-22"), ("tienda_02", "2025-11-22")):
        drops.write_sales(folder, store, day, [drops.sale(day, f"{store[-2:]}{day[-2:]}")])
    home = Home(duck_settings.model_copy(update={"fluxion_source": "archivos", "fluxion_source_path": folder})).ready()
    read_and_land(home.app, Request(Fact.VENTAS))
    found = coverage(home.app, Fact.VENTAS)
    assert (found.days[-1], told(found), told(found, "SUC007")) == (
        "2025-11-22",
        {"20": ("completo", False), "22": ("completo", False)},
        {"20": ("sin_dato", True), "22": ("completo", False)},
    )
    assert checks.recovery_alive(home.app).passed
    yesterday = checks.of_yesterday(home.app)
    assert (yesterday.passed, yesterday.serious, yesterday.numbers["ubicaciones"]) == (False, False, 17)


def test_what_many_stores_lack_for_one_reason_is_told_once_and_days_before_the_first_are_not_shown(world: Days) -> None:
    cells = {
        ("SUC001", "2025-11-23"): Cell("SUC001", "2025-11-23", "completo", 1, 1, False),
        ("SUC007", "2025-11-24"): Cell("SUC007", "2025-11-24", "parcial", 17, 34, True, reason="cut"),
        ("SUC001", "2025-11-24"): Cell("SUC001", "2025-11-24", "sin_lectura", 0, 1, True),
        ("SUC008", "2025-11-24"): Cell("SUC008", "2025-11-24", "sin_lectura", 0, 1, True),
        ("SUC008", "2025-11-23"): Cell("SUC008", "2025-11-23", "inalcanzable", 0, 1, True, reason="cut"),
    }
    days = ("2025-11-21", "2025-11-22", "2025-11-23", "2025-11-24")
    found = Coverage(Fact.VENTAS, days, tuple(world.app.registry.active)[:3], cells)
    assert [(g.day, g.result, g.locations) for g in found.gaps] == [
        ("2025-11-24", "sin_lectura", ("SUC001", "SUC008")),
        ("2025-11-24", "parcial", ("SUC007",)),
        ("2025-11-23", "inalcanzable", ("SUC008",)),
    ]
    assert found.shown == days[2:]
    assert Coverage(Fact.VENTAS, days, (), {}).shown == days
    text = page([found], world.now)
    assert ("<td>SUC001, SUC008</td>" in text, ">21</text>" in text, 'height="9" rx="2" fill="#2e8b57"' in text) == (True, False, True)


def test_the_page_opens_without_a_network_and_says_what_is_lacking(world: Days) -> None:
    world.away = {"SUC007"}
    world.now = local("2025-11-24T12:00")
    read_and_land(world.app, Request(Fact.VENTAS, locations=("SUC001", "SUC007")))
    maps = [coverage(world.app, fact) for fact in (Fact.VENTAS, Fact.INVENTARIO)]
    text = page(maps, world.now)
    assert re.findall(r"(?:src|href|@import)", text) == []
    assert set(re.findall(r"https?://[^\"< ]+", text)) - {"http://www.w3.org/2000/svg"} <= {world.server.url + "/ventas"}
    assert text.count("<svg") == 2
    assert "SUC007 Av. Bolívar, 2025-11-24: inalcanzable" in text
    path = write(world.app.settings.home, maps, world.now)
    assert path == world.app.settings.home / "informes" / "cobertura.html"
    assert path.read_text("utf-8") == text
