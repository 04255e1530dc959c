"""``limpieza`` as Dagster runs it: old runs go unless alerts still have to look at them, and the disk is measured."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import dagster as dg
import pytest
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import InProcessCodeLocationOrigin, RemoteInstigatorOrigin, RemoteRepositoryOrigin
from dagster._core.scheduler.instigation import InstigatorState, InstigatorStatus, SensorInstigatorData, TickData, TickStatus
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

from fluxion_pipeline.contracts.clock import now
from fluxion_pipeline.defs.build import Overrides, build_defs
from fluxion_pipeline.operations.disk import measures
from fluxion_pipeline_tests.support.commands import fluxion
from fluxion_pipeline_tests.support.shop import QUIET, Shop, materialized

ORIGIN = RemoteInstigatorOrigin(
    RemoteRepositoryOrigin(InProcessCodeLocationOrigin(LoadableTargetOrigin(), location_name="fluxion_pipeline"), "__repository__"), "alertas"
)


TOLD = (TickStatus.SUCCESS, TickStatus.SKIPPED, TickStatus.STARTED)


@pytest.fixture
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.DagsterInstance]:
    """One on a disk, as a home has it."""
    place = str(tmp_path_factory.mktemp("dagster"))
    storage = {"module": "fluxion_pipeline.defs.kept_sqlite", "class": "KeptSqliteStorage", "config": {"base_dir": place}}
    with dg.DagsterInstance.local_temp(place, overrides={"storage": {"custom": storage}}) as found:
        yield found


def run(shop: Shop, instance: dg.DagsterInstance, job: str, days: float = 0) -> dg.ExecuteInProcessResult:
    """A run of a job, so many days later."""
    definitions = build_defs(shop.settings, Overrides(clock=lambda: now() + timedelta(days=days)))
    return definitions.resolve_job_def(job).execute_in_process(run_config=QUIET, instance=instance, raise_on_error=False)


def look(shop: Shop, instance: dg.DagsterInstance) -> None:
    """One evaluation of the sensor of alerts."""
    definitions = build_defs(shop.settings)
    (sensor,) = definitions.sensors or ()
    assert isinstance(sensor, dg.SensorDefinition)
    with dg.build_sensor_context(instance=instance, definitions=definitions) as context:
        sensor.evaluate_tick(context)


def jobs_of(instance: dg.DagsterInstance) -> list[str]:
    return sorted(r.job_name for r in instance.get_runs())


def test_runs_go_after_their_days_with_their_events(shop: Shop, instance: dg.DagsterInstance) -> None:
    old = run(shop, instance, "inventario")
    assert run(shop, instance, "limpieza", days=29).success
    assert jobs_of(instance) == ["inventario", "limpieza"]
    result = run(shop, instance, "limpieza", days=31)
    assert materialized(result)["operacion/limpieza"]["corridas_borradas"] == 2
    assert jobs_of(instance) == ["limpieza"]
    assert instance.all_logs(old.run_id) == []


def verdicts(instance: dg.DagsterInstance, check: dg.AssetCheckKey) -> list[int]:
    return [line.id for line in instance.event_log_storage.get_asset_check_execution_history(check, limit=99)]


def test_the_history_of_checks_and_ticks_goes_too_but_for_what_each_check_said_last(shop: Shop, instance: dg.DagsterInstance) -> None:
    runs_of = dg.AssetCheckKey(dg.AssetKey(["duckdb", "inventario_actual"]), "claves_unicas")
    sensors = dg.AssetCheckKey(dg.AssetKey("alertas"), "entrega")
    for _ in range(2):
        run(shop, instance, "inventario")
        instance.report_runless_asset_event(dg.AssetCheckEvaluation(asset_key=sensors.asset_key, check_name=sensors.name, passed=True))
    state = InstigatorState(ORIGIN, InstigatorType.SENSOR, InstigatorStatus.RUNNING, SensorInstigatorData())
    instance.add_instigator_state(state)
    for status in TOLD:
        tick = TickData(state.instigator_origin_id, "alertas", InstigatorType.SENSOR, status, now().timestamp(), run_ids=[], selector_id=state.selector_id)
        instance.create_tick(tick)
    before = {c: verdicts(instance, c) for c in (runs_of, sensors)}
    assert {len(x) for x in before.values()} == {2}
    assert run(shop, instance, "limpieza", days=29).success
    assert {c: verdicts(instance, c) for c in before} == before
    assert len(instance.get_ticks(state.instigator_origin_id, state.selector_id)) == len(TOLD)
    result = run(shop, instance, "limpieza", days=31)
    assert int(str(materialized(result)["operacion/limpieza"]["evaluaciones_borradas"])) > 10
    assert {c: verdicts(instance, c) for c in before} == {c: x[:1] for c, x in before.items()}
    assert instance.get_ticks(state.instigator_origin_id, state.selector_id) == []


def test_a_run_that_the_alerts_have_not_looked_at_stays(shop: Shop, instance: dg.DagsterInstance) -> None:
    look(shop, instance)
    run(shop, instance, "inventario")
    run(shop, instance, "limpieza", days=365)
    assert jobs_of(instance) == ["inventario", "limpieza"]


def test_a_cleaning_that_cannot_bring_its_rows_to_a_sink_says_so_and_has_measured(shop: Shop, instance: dg.DagsterInstance) -> None:
    shop.settings.duckdb_file.unlink()
    shop.settings.duckdb_file.mkdir()
    result = run(shop, instance, "limpieza")
    assert not result.success
    assert any("duckdb" in str(e.step_failure_data.user_failure_data) for e in result.all_events if e.is_step_failure)
    assert len(measures(shop.settings.home)) == 1


def test_the_command_cleans_and_tells_what_went(shop: Shop) -> None:
    done = fluxion(shop.settings, "run", "limpieza")
    assert done.code == 0, done
    assert "archivos_borrados: 0" in done.out
    assert "mb_lotes: " in done.out
