"""Whole runs: what assets report is what the databases hold, and what fails fails alone."""

from __future__ import annotations

import socket
import time

import dagster as dg
import pytest

from fluxion_pipeline.contracts.outcomes import SinkName
from fluxion_pipeline.defs.build import build_defs
from fluxion_pipeline.settings import Settings
from fluxion_pipeline_tests.support import drops
from fluxion_pipeline_tests.support.shop import CEDI, CODES, QUIET, STORES, TICKS, Shop, evaluations, materialized, open_shop

pytestmark = pytest.mark.filterwarnings("error::DeprecationWarning:fluxion_pipeline")

DUCK, PG = SinkName.DUCKDB, SinkName.POSTGRESQL
NEXT = "2026-03-02T0700"


def count(shop: Shop, sink: SinkName, table: str) -> int:
    [(number,)] = shop.rows(sink, f"SELECT count(*) FROM {table}")
    assert isinstance(number, int)
    return number


def failures(result: dg.ExecuteInProcessResult) -> dict[str, str]:
    """Step → what its failure says."""
    found = {}
    for event in result.all_events:
        if event.is_step_failure:
            assert event.step_failure_data.error is not None
            found[str(event.step_key)] = event.step_failure_data.error.message
    return found


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_both_sinks_report_the_rows_that_they_hold(dual: Shop) -> None:
    drops.write_stock(dual.root, STORES[0], NEXT, [drops.stock(CODES[0], 99), drops.stock("00818999", 1)])
    result = dual.run("inventario")
    assert result.success
    for sink in (DUCK, PG):
        told = materialized(result)[f"{sink}/inventario_actual"]
        counts = {name: told[name] for name in ("filas_insertadas", "filas_cambiadas", "filas_borradas", "filas_iguales")}
        assert counts == {"filas_insertadas": 1, "filas_cambiadas": 1, "filas_borradas": 2, "filas_iguales": 0}
        assert isinstance(told["segundos"], float)
        for table in ("inventario_actual", "inventario_historico", "inventario_cortes"):
            assert materialized(result)[f"{sink}/{table}"]["dagster/row_count"] == count(dual, sink, table)
    assert evaluations(result)["postgresql/inventario_historico: paridad"].passed


def test_an_unchanged_row_is_counted_as_such(shop: Shop) -> None:
    rows = [drops.stock(code, 10 * len(STORES[0]) + (i == 0)) for i, code in enumerate(CODES)]
    drops.write_stock(shop.root, STORES[0], NEXT, [*rows[:2], drops.stock(CODES[2], 1)])
    told = materialized(shop.run("inventario"))["duckdb/inventario_actual"]
    assert (told["filas_cambiadas"], told["filas_iguales"]) == (1, 2)


def test_what_was_landed_is_told_of_the_lotes(duck_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> None:
    shop = open_shop(duck_settings, tmp_path_factory.mktemp("drops"))
    shop.run("catalogo")
    told = materialized(shop.run("ventas"))["lotes/ventas"]
    assert (told["filas_leidas"], told["filas_cargadas"], told["filas_rechazadas"]) == (16, 16, 0)
    [(rows,)] = shop.rows(DUCK, "SELECT count(*) FROM ventas")
    assert rows == 16


def test_a_location_that_fails_leaves_its_lotes_green_and_a_check_that_names_it(shop: Shop) -> None:
    drops.write_raw(shop.root, f"inventario/{STORES[0]}/{NEXT}.csv", "codigo_producto\n00818980\n")
    drops.write_stock(shop.root, STORES[1], NEXT, [drops.stock(CODES[0], 7)])
    result = shop.run("inventario")
    assert result.success
    assert shop.rows(DUCK, "SELECT count(*) FROM inventario_actual WHERE ubicacion_codigo = 'SUC007'") == [(1,)]
    check = evaluations(result)["lotes/inventario: lecturas_logradas"]
    assert not check.passed
    assert check.severity is dg.AssetCheckSeverity.ERROR
    assert "SUC001" in str(check.description)
    assert "stock" in str(check.metadata["muestra"].value)
    assert check.metadata["lecturas_fallidas"].value == 1


def test_a_failed_reading_stays_red_until_it_is_mended(shop: Shop) -> None:
    drops.write_raw(shop.root, f"ventas/{STORES[0]}/2026-03-04.csv", b"")
    drops.write_sales(shop.root, STORES[0], "2026-03-05", [drops.sale("2026-03-05", "7")])
    shop.run("ventas")
    assert not evaluations(shop.run("ventas"))["lotes/ventas: lecturas_logradas"].passed
    drops.write_sales(shop.root, STORES[0], "2026-03-04", [drops.sale("2026-03-04", "8")])
    assert evaluations(shop.run("ventas"))["lotes/ventas: lecturas_logradas"].passed


@pytest.mark.parametrize("key", ["duckdb/inventario_cortes", "duckdb/inventario_actual"])
def test_a_table_can_be_materialized_alone_and_mends_what_is_owed(shop: Shop, key: str) -> None:
    shop.tamper(DUCK, "DELETE FROM fluxion_meta WHERE clave LIKE 'hasta:SUC%'", "DELETE FROM inventario_actual WHERE ubicacion_codigo = 'SUC001'")
    result = shop.materialize(dg.AssetSelection.assets(dg.AssetKey(key.split("/"))))
    assert result.success
    assert list(materialized(result)) == [key]
    assert count(shop, DUCK, "inventario_actual") == 9


def test_what_somebody_changed_by_hand_is_in_the_metadata_and_warned_of(shop: Shop) -> None:
    shop.tamper(DUCK, "UPDATE inventario_actual SET stock = 7777 WHERE ubicacion_codigo = 'CEDI01'")
    drops.write_stock(shop.root, CEDI, NEXT, [drops.stock(code, n) for n, code in enumerate(CODES, 50)])
    result = shop.run("inventario")
    found = materialized(result)
    assert found["duckdb/inventario_actual"]["filas_de_deriva"] == 3
    assert "7777" in str(found["duckdb/inventario_actual"]["deriva"])
    assert "deriva" not in found["duckdb/inventario_cortes"]
    check = evaluations(result)["duckdb/inventario_actual: deriva"]
    assert (result.success, check.passed, check.severity) == (True, False, dg.AssetCheckSeverity.WARN)
    assert evaluations(shop.run("ventas"))["duckdb/ventas: deriva"].passed


def test_all_assets_at_once_bring_each_sink_up_to_date_with_all_that_landed(pg_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> None:
    shop = open_shop(pg_settings, tmp_path_factory.mktemp("drops"))
    cleaning = dg.AssetSelection.assets(dg.AssetKey(["operacion", "limpieza"]))  # brings sinks up as well, and may come first
    result = shop.materialize(dg.AssetSelection.all() - cleaning)
    assert result.success
    for sink in (DUCK, PG):
        assert {t: count(shop, sink, t) for t in ("productos", "ventas", "inventario_actual")} == {"productos": 3, "ventas": 16, "inventario_actual": 9}
        assert materialized(result)[f"{sink}/ventas"]["filas_insertadas"] == 16
    assert [name for name, e in evaluations(result).items() if "paridad" in name and not e.passed] == []


def test_without_postgresql_duckdb_is_written_and_the_failure_is_one_sentence(dual: Shop) -> None:
    drops.write_stock(dual.root, CEDI, NEXT, [drops.stock(CODES[0], 1)])
    away = dual.settings.model_copy(update={"postgres_host": "127.0.0.1", "postgres_port": closed_port()})
    started = time.monotonic()
    result = dual.run("inventario", settings=away)
    assert time.monotonic() - started < 20
    assert not result.success
    assert {k for k in materialized(result) if "/" in k} == {
        "lotes/inventario",
        "duckdb/inventario_actual",
        "duckdb/inventario_historico",
        "duckdb/inventario_cortes",
    }
    (message,) = failures(result).values()
    assert message.splitlines()[0].startswith("dagster._core.definitions.events.Failure: PostgreSQL (127.0.0.1:")
    assert "is away" in message
    assert message.count("\n") <= 1
    said = evaluations(result)
    assert {name for name in said if name.startswith("postgresql/")} == set()
    assert {name for name, e in said.items() if not e.passed} == {"duckdb/inventario_actual: ubicaciones_presentes"}
    assert dual.rows(DUCK, "SELECT count(*) FROM inventario_actual WHERE ubicacion_codigo = 'CEDI01'") == [(1,)]

    later = dual.run("inventario")
    assert later.success
    assert evaluations(later)["postgresql/inventario_actual: paridad"].passed


def test_without_duckdb_postgresql_is_written(dual: Shop) -> None:
    drops.write_stock(dual.root, CEDI, NEXT, [drops.stock(CODES[0], 1)])
    dual.settings.home.joinpath("elsewhere").mkdir()
    result = dual.run("inventario", settings=dual.settings.model_copy(update={"duckdb_path": dual.settings.home / "elsewhere"}))
    assert not result.success
    assert set(materialized(result)) == {"lotes/inventario", "postgresql/inventario_actual", "postgresql/inventario_historico", "postgresql/inventario_cortes"}
    assert dual.rows(PG, "SELECT count(*) FROM inventario_actual WHERE ubicacion_codigo = 'CEDI01'") == [(1,)]


@pytest.mark.parametrize("mode", ["duckdb", "postgresql"])
def test_with_one_sink_parity_is_skipped_and_not_red(pg_settings: Settings, mode: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    settings = type(pg_settings).model_validate({**pg_settings.model_dump(), "db_mode": mode})
    result = open_shop(settings, tmp_path_factory.mktemp("drops")).run("inventario")
    assert result.success
    check = evaluations(result)[f"{mode}/inventario_actual: paridad"]
    assert check.passed
    assert check.metadata["veredicto"].value == "omitida"
    assert check.description == f"skipped: DB_MODE={mode} writes one sink"


def test_asked_for_ticks_and_locations_are_what_is_read(duck_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> None:
    shop = open_shop(duck_settings, tmp_path_factory.mktemp("drops"))
    job = build_defs(shop.settings).resolve_job_def("inventario")
    config = {**QUIET, "ops": {"lotes__inventario": {"config": {"ubicaciones": [STORES[1]], "tick": TICKS[1]}}}}
    with dg.DagsterInstance.ephemeral() as place:
        assert job.execute_in_process(run_config=config, instance=place, raise_on_error=False).success
    assert shop.rows(DUCK, "SELECT DISTINCT ubicacion_codigo, corte FROM cobertura WHERE cargadas > 0") == [("SUC007", TICKS[1])]
