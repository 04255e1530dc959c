"""The schedules keep the stores' time, and a tick's run says which one it is."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import takewhile
from pathlib import Path

import dagster as dg
import pytest
from dagster._utils.schedules import cron_string_iterator

from fluxion_pipeline import pause
from fluxion_pipeline.contracts.clock import ZONE, now, tick_text
from fluxion_pipeline.contracts.ticks import latest_tick
from fluxion_pipeline.defs.build import build_defs
from fluxion_pipeline.settings import load
from fluxion_pipeline_tests.support.shop import Shop, evaluations, materialized


@pytest.fixture
def schedules(tmp_path: Path) -> dict[str, dg.ScheduleDefinition]:
    """By their names."""
    found = build_defs(load({"FLUXION_HOME": str(tmp_path)})).schedules or ()
    return {s.name: s for s in found if isinstance(s, dg.ScheduleDefinition)}


def ticks(schedule: dg.ScheduleDefinition) -> list[datetime]:
    """The ticks of one day of the stores."""
    start = datetime(2026, 3, 2, tzinfo=ZONE)
    times = cron_string_iterator(start.timestamp() - 1, str(schedule.cron_schedule), schedule.execution_timezone)
    return list(takewhile(lambda t: t.astimezone(ZONE).date() == start.date(), times))


def test_stock_is_read_at_34_ticks_from_six_to_half_past_ten_at_night(schedules: dict[str, dg.ScheduleDefinition]) -> None:
    found = [t.astimezone(ZONE).strftime("%H:%M") for t in ticks(schedules["inventario_programado"])]
    assert found == [f"{hour:02d}:{minute}" for hour in range(6, 23) for minute in ("00", "30")]
    assert len(found) == 34


def test_a_live_stock_reading_is_of_the_tick_that_asked_for_it(schedules: dict[str, dg.ScheduleDefinition]) -> None:
    """``contracts.ticks`` and the schedule name the same ticks."""
    for tick in ticks(schedules["inventario_programado"]):
        assert latest_tick(tick) == latest_tick(tick + timedelta(minutes=29, seconds=59)) == tick_text(tick)


def test_sales_are_read_hourly_and_the_catalogue_daily(schedules: dict[str, dg.ScheduleDefinition]) -> None:
    assert len(ticks(schedules["ventas_programado"])) == 24
    assert [t.astimezone(ZONE).hour for t in ticks(schedules["catalogo_programado"])] == [5]


def test_a_tick_is_one_run_that_carries_its_local_time(schedules: dict[str, dg.ScheduleDefinition]) -> None:
    at = datetime(2026, 3, 2, 22, 30, tzinfo=ZONE)
    requests = [schedules["inventario_programado"].evaluate_tick(dg.build_schedule_context(scheduled_execution_time=at)).run_requests or [] for _ in range(2)]
    assert [[r.run_key for r in some] for some in requests] == [[at.isoformat()]] * 2
    assert requests[0][0].tags["fluxion/corte"] == "2026-03-02T2230"
    assert requests[0][0].tags["fluxion/flujo"] == "inventario"


def test_in_a_pause_every_schedule_skips_and_says_why(schedules: dict[str, dg.ScheduleDefinition], tmp_path: Path) -> None:
    pause.begin(tmp_path, "cambio de disco", now())
    at = datetime(2026, 3, 2, 22, 30, tzinfo=ZONE)
    for schedule in schedules.values():
        data = schedule.evaluate_tick(dg.build_schedule_context(scheduled_execution_time=at))
        assert not data.run_requests
        assert "cambio de disco" in str(data.skip_message)


def test_in_a_pause_a_run_that_a_person_asks_for_is_refused(shop: Shop) -> None:
    pause.begin(shop.settings.home, "cambio de disco", now())
    result = shop.run("ventas")
    assert not result.success
    assert any("cambio de disco" in str(e.step_failure_data.user_failure_data) for e in result.all_events if e.is_step_failure)


def test_a_tick_without_anything_new_is_no_failure_and_writes_nothing(shop: Shop) -> None:
    lotes = sorted(shop.settings.home.rglob("*.parquet"))
    result = shop.run("inventario")
    assert result.success
    found = materialized(result)
    assert found["lotes/inventario"]["lecturas"] == 0
    written = {"filas_insertadas", "filas_cambiadas", "filas_borradas"}
    assert {name: 0 for name in written} == {name: found["duckdb/inventario_actual"][name] for name in written}
    assert [name for name, e in evaluations(result).items() if not e.passed] == ["duckdb/inventario_actual: ubicaciones_presentes"]
    assert sorted(shop.settings.home.rglob("*.parquet")) == lotes
