"""The sensor of alerts on real runs: one message a problem, one when it is over, and a red check for a dead webhook."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import dagster as dg
import pytest
from pydantic import SecretStr

from fluxion_pipeline import pause
from fluxion_pipeline.contracts.clock import now
from fluxion_pipeline.contracts.outcomes import SinkName
from fluxion_pipeline.defs.build import Overrides, build_defs
from fluxion_pipeline_tests.support import drops
from fluxion_pipeline_tests.support.shop import CODES, QUIET, STORES, Shop
from fluxion_pipeline_tests.support.webhook import Webhook, webhook


@pytest.fixture
def hook() -> Iterator[Webhook]:
    """A webhook."""
    with webhook() as found:
        yield found


class Daemon:
    """What the daemon does, one evaluation at a time, on an instance and with a clock of the test's."""

    def __init__(self, shop: Shop, hook: Webhook, instance: dg.DagsterInstance) -> None:
        self.settings = shop.settings.model_copy(update={"fluxion_alert_urls": SecretStr(hook.url)})
        self.shop, self.instance, self.later = replace(shop, settings=self.settings), instance, timedelta()
        self.cursor: str | None = None
        self.start()

    def clock(self) -> datetime:
        return now() + self.later

    def start(self) -> None:
        """A process of its own: nothing is left of the one before but what was kept."""
        self.defs = build_defs(self.settings, Overrides(clock=self.clock))

    def look(self) -> list[dg.AssetCheckEvaluation]:
        """One evaluation of the sensor; the checks that it told."""
        (sensor,) = self.defs.sensors or ()
        assert isinstance(sensor, dg.SensorDefinition)
        with dg.build_sensor_context(instance=self.instance, cursor=self.cursor, definitions=self.defs) as context:
            data = sensor.evaluate_tick(context)
        self.cursor = data.cursor
        return [e for e in data.asset_events if isinstance(e, dg.AssetCheckEvaluation)]

    def run(self, job: str) -> dg.ExecuteInProcessResult:
        """A run of a job."""
        return self.defs.resolve_job_def(job).execute_in_process(run_config=QUIET, instance=self.instance, raise_on_error=False)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """An instance of the test's own."""
    with dg.DagsterInstance.ephemeral() as found:
        yield found


def test_parity_that_fails_three_ticks_in_a_row_is_one_message_and_one_when_it_is_mended(dual: Shop, hook: Webhook, instance: dg.DagsterInstance) -> None:
    daemon = Daemon(dual, hook, instance)
    daemon.look()
    dual.tamper(SinkName.POSTGRESQL, "UPDATE ventas SET cantidad = cantidad + 1 WHERE ubicacion_codigo = 'SUC001'")
    for tick in range(3):
        daemon.run("ventas")
        if tick == 1:
            daemon.start()
        daemon.look()
        daemon.look()
    assert len(hook.about("mismas filas")) == 1, hook.titles
    (told,) = [m for m in hook.messages if "mismas filas" in m["title"]]
    assert told["title"] == "[ERROR] PostgreSQL y DuckDB no tienen las mismas filas en ventas"
    for part in ("Desde: ", "SUC001", "cambiadas 8", "Qué significa: ", "fluxion repair ventas --from lote --apply", "/assets/postgresql/ventas?view=checks"):
        assert part in told["message"]
    dual.tamper(SinkName.POSTGRESQL, "UPDATE ventas SET cantidad = cantidad - 1 WHERE ubicacion_codigo = 'SUC001'")
    daemon.run("ventas")
    daemon.look()
    daemon.look()
    assert [t.split("]")[0] for t in hook.about("mismas filas")] == ["[ERROR", "[RECUPERADO"]
    assert "recuperado después de" in hook.about("mismas filas")[1]


def test_what_happened_while_the_daemon_was_down_is_told_once_when_it_is_back(dual: Shop, hook: Webhook, instance: dg.DagsterInstance) -> None:
    Daemon(dual, hook, instance).look()
    dual.tamper(SinkName.POSTGRESQL, "UPDATE ventas SET cantidad = cantidad + 1 WHERE ubicacion_codigo = 'SUC001'")
    daemon = Daemon(dual, hook, instance)
    for _ in range(2):
        daemon.run("ventas")
    dual.tamper(SinkName.POSTGRESQL, "UPDATE ventas SET cantidad = cantidad - 1 WHERE ubicacion_codigo = 'SUC001'")
    daemon.run("ventas")
    daemon.look()
    assert [t.split("]")[0] for t in hook.about("mismas filas")] == ["[ERROR", "[RECUPERADO"]


def test_what_spoils_a_table_in_two_ways_is_one_message_and_another_storage_of_dagster_repeats_nothing(dual: Shop, hook: Webhook) -> None:
    spoil = "UPDATE ventas SET producto_codigo = 'nunca' WHERE ubicacion_codigo = 'SUC001'"
    for number in range(2):
        with dg.DagsterInstance.ephemeral() as instance:
            daemon = Daemon(dual, hook, instance)
            daemon.look()
            dual.tamper(SinkName.POSTGRESQL, *[spoil] * (number == 0))
            daemon.run("ventas")
            daemon.look()
            assert hook.about("ventas") == ["[ERROR] PostgreSQL y DuckDB no tienen las mismas filas en ventas, y 1 más"]
    assert len(set(hook.titles)) == len(hook.titles)
    (told,) = [m["message"] for m in hook.messages if "mismas filas" in m["title"]]
    assert "Hay códigos sin maestro en ventas (PostgreSQL)" in told


def break_stores(shop: Shop, day: str, amount: int) -> None:
    """Files of so many stores that nobody can read, of a day."""
    for location in [x for x in shop.app.registry.active if x.is_store][:amount]:
        drops.write_raw(shop.root, f"ventas/{location.codigo_etl}/{day}.csv", "esto no es\nun archivo\n")
        drops.write_raw(shop.root, f"inventario/{location.codigo_etl}/{day}T0600.csv", "esto no es\nun archivo\n")


def test_nineteen_stores_that_fail_together_are_one_message(shop: Shop, hook: Webhook, instance: dg.DagsterInstance) -> None:
    daemon = Daemon(shop, hook, instance)
    daemon.look()
    break_stores(shop, "2026-03-04", 19)
    for number, cedi in enumerate(x for x in shop.app.registry.active if not x.is_store):
        drops.write_stock(shop.root, cedi.codigo_etl, "2026-03-04T0600", [drops.stock(c, 700 + 10 * number + i) for i, c in enumerate(CODES)])
    daemon.run("inventario")
    daemon.look()
    daemon.run("ventas")
    daemon.look()
    daemon.run("inventario")
    daemon.look()
    assert hook.titles == ["[CRITICO] 19 ubicaciones sin lectura buena: fallan a la vez, probablemente es la red"]
    assert "SUC001" in hook.messages[0]["message"]
    assert hook.messages[0]["message"].count("SUC0") >= 19
    for store in [x for x in shop.app.registry.active if x.is_store]:
        drops.write_stock(shop.root, store.codigo_etl, "2026-03-04T0600", [drops.stock(c, hash(store.codigo) % 97 + i) for i, c in enumerate(CODES)])
        drops.write_sales(shop.root, store.codigo_etl, "2026-03-04", [drops.sale("2026-03-04", f"{store.codigo_etl[-2:]}{i:05d}") for i in range(3)])
    daemon.run("inventario")
    daemon.run("ventas")
    daemon.look()
    assert len(hook.titles) == 2, hook.titles
    assert hook.titles[1].startswith("[RECUPERADO] 19 ubicaciones con lectura buena otra vez, después de")


def test_a_dead_webhook_is_a_red_check_and_what_waits_is_delivered_when_it_is_back(shop: Shop, hook: Webhook, instance: dg.DagsterInstance) -> None:
    daemon = Daemon(shop, hook, instance)
    (fine,) = daemon.look()
    assert fine.passed
    hook.refuses = True
    break_stores(shop, "2026-03-04", 2)
    daemon.run("ventas")
    (told,) = daemon.look()
    assert (told.asset_check_key.to_user_string(), told.passed, told.severity) == ("alertas:entrega", False, dg.AssetCheckSeverity.ERROR)
    assert "json does not deliver since" in str(told.description)
    assert "fluxion alerts test" in str(told.metadata["que_hacer"].value)
    assert "que_hacer" not in fine.metadata
    assert not [x for x in ("secret", "usuario", str(hook.port)) if x in str(told)]
    asked = hook.asked
    assert daemon.look() == []
    assert hook.asked == asked, "a channel that failed rests"
    hook.refuses = False
    daemon.later += timedelta(minutes=2)
    (well,) = daemon.look()
    assert well.passed
    assert len(hook.titles) == 1
    assert "sin lectura buena" in hook.titles[0]


def test_the_check_on_delivery_can_be_run_alone(shop: Shop) -> None:
    assert shop.check("alertas", "entrega").passed


def test_a_database_that_is_away_is_one_message_whatever_fails_of_it(dual: Shop, hook: Webhook, instance: dg.DagsterInstance) -> None:
    daemon = Daemon(dual, hook, instance)
    daemon.look()
    away = Daemon(replace(dual, settings=dual.settings.model_copy(update={"postgres_port": 1})), hook, instance)
    drops.write_sales(dual.root, STORES[0], "2026-03-04", [drops.sale("2026-03-04", "0000009")])
    away.run("ventas")
    away.look()
    away.run("inventario")
    away.look()
    assert hook.about("PostgreSQL") == ["[ERROR] PostgreSQL no responde o no pudo escribirse"], hook.titles
    daemon.run("ventas")
    daemon.run("inventario")
    daemon.look()
    assert len(hook.about("PostgreSQL")) == 2, hook.titles
    assert "recuperado después de" in hook.about("PostgreSQL")[1]


@pytest.mark.parametrize(("end", "told"), [("report_run_canceled", []), ("report_run_failed", ["[ERROR] Falló la corrida «ventas»"])])
def test_a_run_is_looked_at_when_it_has_ended_and_one_that_a_person_ended_is_no_failure(
    end: str, told: list[str], shop: Shop, hook: Webhook, instance: dg.DagsterInstance
) -> None:
    daemon = Daemon(shop, hook, instance)
    daemon.look()
    run = instance.create_run_for_job(daemon.defs.resolve_job_def("ventas"))
    key = dg.AssetCheckKey(dg.AssetKey(["duckdb", "ventas"]), "claves_unicas")
    assert instance.event_log_storage.get_asset_check_execution_history(key, limit=1)[0].run_id == run.run_id, "it is planned"
    daemon.look()
    assert hook.titles == []
    getattr(instance, end)(run)
    daemon.look()
    daemon.look()
    assert hook.titles == told


def test_ticks_without_a_run_are_told_once(shop: Shop, hook: Webhook, instance: dg.DagsterInstance) -> None:
    daemon = Daemon(shop, hook, instance)
    daemon.look()
    daemon.later = timedelta(hours=26)
    daemon.look()
    daemon.look()
    assert len(hook.titles) == 1, hook.titles
    assert "No hubo corrida" in hook.titles[0]
    found = re.search(r"«inventario» a su hora\.\nDesde: .*, hace (?:1 d|\d+ h) .*\n.*\nNúmeros: cortes sin corrida (\d+)\n", hook.messages[0]["message"])
    assert found is not None, hook.messages[0]["message"]
    assert 34 <= int(found[1]) <= 38


def test_ticks_of_a_pause_are_not_late_but_a_long_pause_is_told_once(shop: Shop, hook: Webhook, instance: dg.DagsterInstance) -> None:
    daemon = Daemon(shop, hook, instance)
    daemon.look()
    pause.begin(shop.settings.home, "cambio de disco", now())
    for hours in (1, 3, 4):
        daemon.later = timedelta(hours=hours)
        daemon.look()
        assert hook.titles == ["[ERROR] Fluxion está en pausa"] * (hours > 1)
    pause.end(shop.settings.home, daemon.clock())
    daemon.look()
    assert len(hook.titles) == 2
    told = hook.messages[0]["message"]
    assert "hace 3 h 0 min" in told  # since it was asked for, not since it was too long
    assert re.search(r"^Detalle: la pidió \S+: cambio de disco$", told, re.MULTILINE)
    assert "en pausa" in hook.titles[1]
