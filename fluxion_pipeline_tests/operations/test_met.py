"""Products that facts meet before any catalogue: added with the facts that are applied, never with those that are held back."""

from __future__ import annotations

from pathlib import Path

import pytest

from fluxion_pipeline.contracts.outcomes import Fact, Outcome
from fluxion_pipeline.operations.accept import accept, waiting
from fluxion_pipeline.operations.land import Request, read_and_land
from fluxion_pipeline.settings import Settings
from fluxion_pipeline_tests.support import drops
from fluxion_pipeline_tests.support.home import Home

DAY = "2025-11-20"


@pytest.fixture
def home(duck_settings: Settings, tmp_path: Path) -> Home:
    (tmp_path / "drops").mkdir()
    return Home(duck_settings.model_copy(update={"fluxion_source": "archivos", "fluxion_source_path": tmp_path / "drops"})).ready()


def products(home: Home) -> set[tuple[str, str | None, bool]]:
    return {(row[0], row[1], row[-1]) for row in home.wanted("productos")}


def test_a_product_of_a_reading_that_is_not_applied_is_not_added(home: Home, tmp_path: Path) -> None:
    good = [drops.sale(DAY, f"{n}", codigo_producto="0001") for n in range(5)]
    drops.write_sales(tmp_path / "drops", "tienda_01", DAY, [*good, *(drops.sale(DAY, f"w{n}", cantidad="?") for n in range(30))])
    report = read_and_land(home.app, Request(Fact.VENTAS))
    assert report.outcomes()[Outcome.PARCIAL] == 1
    assert products(home) == set()
    drops.write_sales(tmp_path / "drops", "tienda_01", DAY, good)
    assert read_and_land(home.app, Request(Fact.VENTAS)).met == 1
    assert products(home) == {("0001", "PREPARED BEANS", True)}


def test_a_product_of_a_reading_that_a_person_accepts_is_added_with_its_description(home: Home, tmp_path: Path) -> None:
    drops.write_stock(tmp_path / "drops", "tienda_01", "2025-11-20T0600", [drops.stock(f"{n:04d}") for n in range(60)])
    drops.write_stock(tmp_path / "drops", "tienda_01", "2025-11-20T0630", [drops.stock("9999", descripcion_producto="alone")])
    assert read_and_land(home.app, Request(Fact.INVENTARIO)).met == 60
    assert len(products(home)) == 60
    (held,) = waiting(home.app)
    accept(home.app, [held])
    assert ("9999", "alone", True) in products(home)
