"""Closing days: read like any other, and nobody's failure where they come to nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fluxion_pipeline.contracts.outcomes import Fact, Outcome
from fluxion_pipeline.locations import registry
from fluxion_pipeline.operations.calendar import read_calendar
from fluxion_pipeline.operations.land import Request, read_and_land
from fluxion_pipeline.settings import Settings
from fluxion_pipeline_tests.support import drops
from fluxion_pipeline_tests.support.days import Days, days
from fluxion_pipeline_tests.support.home import Home


def write(home: Path, *lines: str) -> None:
    home.mkdir(parents=True, exist_ok=True)
    (home / "cerrados.csv").write_text("\n".join(("dia,ubicacion,motivo", *lines)) + "\n", "utf-8")


@pytest.fixture
def world(duck_settings: Settings) -> Iterator[Days]:
    with days(duck_settings) as found:
        yield found


def test_a_line_closes_one_location_or_all_by_any_of_its_names(tmp_path: Path) -> None:
    write(tmp_path, "2025-12-25,,Navidad", "2025-11-24,tienda_02,inventario anual", "2025-11-24,T03,")
    found = read_calendar(tmp_path, registry.load())
    assert found.problems == ()
    assert (found.why("SUC001", "2025-12-25"), found.why("CEDI01", "2025-12-25T0600")) == ("Navidad", "Navidad")
    assert [found.why(x, "2025-11-24") for x in ("SUC007", "SUC008", "SUC001")] == ["inventario anual", "cerrado", None]
    assert found.days("SUC007") == {"2025-12-25", "2025-11-24"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("dia,ubicacion,motivo\n25/12/2025,,Navidad\n2026-01-01,,Año Nuevo\n", "line 2: «25/12/2025» is not a day"),
        ("dia,ubicacion,motivo\n2025-12-24,tienda_14,x\n2026-01-01,,Año Nuevo\n", "line 2: «tienda_14» is no location"),
        ("dia;ubicacion;motivo\n2026-01-01;;Año Nuevo\n", "has no column dia"),
    ],
)
def test_a_line_that_says_nothing_closes_nothing_and_is_told(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "cerrados.csv").write_text(text, "utf-8")
    found = read_calendar(tmp_path, registry.load())
    (problem,) = found.problems
    assert said in problem
    assert (found.why("SUC001", "2026-01-01") == "Año Nuevo") is (";" not in text)


def test_no_file_closes_nothing(tmp_path: Path) -> None:
    assert read_calendar(tmp_path, registry.load()).days("SUC001") == frozenset()


def test_a_store_that_is_off_on_a_closing_day_is_closed_and_not_asked_again_until_the_night(world: Days) -> None:
    write(world.app.settings.home, "2025-11-24,,Navidad", "nonsense,,")
    world.trade("2025-11-23T08:00", "2025-11-23T20:00", ["SUC001"])
    world.run("2025-11-23T23:00")
    world.away = {"SUC001"}
    report = world.run("2025-11-24T08:05")
    assert [(x.cut, x.outcome, x.reason) for x in report.landings if x.cut == "2025-11-24"] == [("2025-11-24", Outcome.CERRADO, "Navidad")]
    assert any("line 3" in text for text in report.strange)
    (stock,) = world.run("2025-11-24T08:30", fact=Fact.INVENTARIO).landings
    assert stock.outcome is Outcome.CERRADO
    world.away = set()
    assert world.asked("2025-11-24T10:05") == ["2025-11-23"]
    assert world.asked("2025-11-25T03:00", recovery=True)[-2:] == ["2025-11-23", "2025-11-24"]


def test_sales_of_a_closing_day_are_landed_like_any_others(world: Days) -> None:
    write(world.app.settings.home, "2025-11-24,tienda_01,inventario")
    world.trade("2025-11-24T08:00", "2025-11-24T12:00", ["SUC001"])
    outcomes = [{x.cut: x.outcome.value for x in world.run(at).landings}["2025-11-24"] for at in ("2025-11-24T08:05", "2025-11-25T02:05")]
    assert outcomes == ["en_curso", "completo"]


def test_a_line_that_is_taken_out_again_makes_the_day_due(world: Days) -> None:
    home = world.app.settings.home
    write(home, "2025-11-24,,un error")
    world.run("2025-11-24T08:05")
    assert "2025-11-24" not in world.asked("2025-11-24T09:05")
    write(home)
    assert "2025-11-24" in world.asked("2025-11-24T10:05")


def test_a_missing_file_is_closed_or_missing_as_the_calendar_says(duck_settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "drops"
    drops.write_sales(folder, "tienda_01", "2025-11-23", [drops.sale("2025-11-23")])
    home = Home(duck_settings.model_copy(update={"fluxion_source": "archivos", "fluxion_source_path": folder})).ready()

    def run() -> list[tuple[str, str]]:
        return [(x.cut, x.outcome.value) for x in read_and_land(home.app, Request(Fact.VENTAS, locations=("SUC007",))).landings]

    assert run() == [("2025-11-23", "sin_dato")]
    write(home.settings.home, "2025-11-23,,feriado")
    assert [run(), run()] == [[("2025-11-23", "cerrado")], []]
    write(home.settings.home)
    assert [run(), run()] == [[("2025-11-23", "sin_dato")], []]
    drops.write_sales(folder, "tienda_02", "2025-11-23", [drops.sale("2025-11-23", "0099")])
    assert run() == [("2025-11-23", "completo")]
