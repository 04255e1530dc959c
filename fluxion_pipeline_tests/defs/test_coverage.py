"""The picture of the coverage as an asset: its page, its numbers, its checks, and what they mean for an exit code."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from fluxion_pipeline.contracts.outcomes import Fact
from fluxion_pipeline.defs.execute import execute
from fluxion_pipeline.operations.land import Request
from fluxion_pipeline.settings import Settings
from fluxion_pipeline_tests.support.days import STORES, Days, days, local
from fluxion_pipeline_tests.support.shop import evaluations, filled, materialized

ALL = tuple(STORES)


@pytest.fixture
def world(duck_settings: Settings) -> Iterator[Days]:
    with days(duck_settings) as found:
        yield found


def test_the_asset_leads_to_a_page_below_the_home_and_plots_its_numbers(duck_settings: Settings, tmp_path: Path) -> None:
    shop = filled(duck_settings, tmp_path / "drops")
    result = shop.materialize(dg.AssetSelection.assets("informes/cobertura"))
    found = materialized(result)["informes/cobertura"]
    page = Path(str(found["informe"]))
    assert page == shop.settings.home / "informes" / "cobertura.html"
    assert "SUC001" in page.read_text("utf-8")
    assert "| SUC001 |" in str(found["mapa_ventas"])
    assert {"porcentaje_ventas", "faltan_ventas", "porcentaje_inventario", "faltan_inventario"} <= set(found)
    assert 0 < float(str(found["porcentaje_ventas"])) < 100


def test_the_recovery_of_the_job_reads_what_is_open_and_its_checks_speak_of_the_clock_of_the_home(world: Days) -> None:
    world.trade("2025-11-20T08:00", "2025-11-24T00:00")
    world.run("2025-11-20T12:00", locations=ALL)
    world.now = local("2025-11-24T03:00")
    outcome = execute(world.app, Request(Fact.VENTAS, locations=ALL, recovery=True))
    assert (outcome.exit_code, outcome.checks) == (0, {})
    assert outcome.report is not None
    assert {x.cut for x in outcome.report.landings} == {f"2025-11-{n}" for n in range(19, 24)}


def test_what_is_lacking_of_other_days_is_a_warning_of_a_run_that_did_what_it_was_asked_for(world: Days) -> None:
    world.trade("2025-11-20T08:00", "2025-11-24T00:00")
    world.run("2025-11-20T12:00", locations=ALL)
    world.now = local("2025-11-24T12:00")
    outcome = execute(world.app, Request(Fact.VENTAS, "2025-11-20", "2025-11-20", ALL))
    assert (outcome.exit_code, outcome.checks) == (0, {})
    assert {name.rpartition(" ")[2] for name in outcome.warnings} >= {"cobertura_ayer", "cobertura_30_dias", "recuperacion_al_dia"}


def test_the_checks_can_be_run_alone(duck_settings: Settings, tmp_path: Path) -> None:
    shop = filled(duck_settings, tmp_path / "drops")
    assert shop.check("informes/cobertura", "recuperacion_al_dia").passed
    assert not shop.check("informes/cobertura", "cobertura_30_dias").passed
    ran = evaluations(shop.run("inventario"))
    assert ran["lotes/inventario: ubicaciones_al_dia"].severity is dg.AssetCheckSeverity.WARN
