"""What can't be told is said so: slices at different versions, in flight, nothing where rows were loaded."""

from __future__ import annotations

import threading
import time

import pytest

from fluxion_pipeline.contracts.outcomes import Verdict
from fluxion_pipeline.parity import prove as module
from fluxion_pipeline.parity.prove import prove
from fluxion_pipeline.parity.report import Level, TableParity
from fluxion_pipeline_tests.parity.both import Both, random_rows

STOCK = "inventario_actual"
LEVELS = [Level.COUNT, Level.VALUES, Level.DIGEST]


@pytest.fixture(autouse=True)
def _short_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAUSE", 0.05)


def stock(both: Both, level: Level = Level.VALUES) -> TableParity:
    return prove(both.settings, [STOCK], level).tables[0]


@pytest.mark.parametrize("level", LEVELS)
def test_a_slice_that_differs_at_different_versions_is_pending(both: Both, level: Level) -> None:
    both.load(STOCK, random_rows(STOCK, 60), ledger=True)
    both.pg("DELETE FROM inventario_actual WHERE ubicacion_codigo = 'SUC001' AND producto_codigo LIKE '00000%'")
    both.line(STOCK, "SUC001", 2, 20, sinks=["duckdb"])
    found = stock(both, level)
    assert found.verdict is Verdict.NO_CONCLUYENTE
    assert found.reason.startswith("pending 1 slice (SUC001)")
    assert (found.pending, found.differing) == (1, frozenset())


def test_a_slice_that_only_one_sink_has_is_pending(both: Both) -> None:
    both.load(STOCK, random_rows(STOCK, 60), ledger=True)
    both.pg("DELETE FROM inventario_actual WHERE ubicacion_codigo = 'SUC002'")
    both.pg("DELETE FROM lotes_aplicados WHERE slice = 'SUC002'")
    assert (stock(both).verdict, stock(both).pending) == (Verdict.NO_CONCLUYENTE, 1)


def test_another_slice_that_differs_at_equal_versions_is_not_hidden_by_a_pending_one(both: Both) -> None:
    both.load(STOCK, random_rows(STOCK, 60), ledger=True)
    both.pg("UPDATE inventario_actual SET stock = 9999999")
    both.line(STOCK, "SUC001", 2, 20, sinks=["duckdb"])
    found = stock(both)
    assert found.verdict is Verdict.DIFERENTE
    assert (found.pending, found.differing) == (1, {"SUC002", "SUC003"})


def test_many_differences_of_a_pending_slice_do_not_crowd_out_the_one_that_is_wrong(both: Both) -> None:
    both.load(STOCK, random_rows(STOCK, 600, nasty=False), ledger=True)
    both.pg("UPDATE inventario_actual SET stock = 9999999 WHERE ubicacion_codigo = 'SUC001' OR producto_codigo = '000002'")
    both.line(STOCK, "SUC001", 2, 200, sinks=["duckdb"])
    found = stock(both)
    assert (found.pending, found.differing) == (1, {"SUC003"})
    assert found.sample[0].key["producto_codigo"] == "000002"


def test_equal_rows_at_different_versions_are_equal(both: Both) -> None:
    both.load(STOCK, random_rows(STOCK, 60), ledger=True)
    both.line(STOCK, "SUC001", 2, 20, sinks=["duckdb"])
    assert stock(both).verdict is Verdict.IGUAL


def test_an_image_of_another_outbox_is_another_version(both: Both) -> None:
    both.load(STOCK, random_rows(STOCK, 60), ledger=True)
    both.pg("UPDATE lotes_aplicados SET outbox_id = 'another'")
    both.pg("UPDATE inventario_actual SET stock = 9999999")
    assert (stock(both).verdict, stock(both).pending) == (Verdict.NO_CONCLUYENTE, 3)


@pytest.mark.parametrize("level", LEVELS)
def test_a_slice_that_is_being_written_is_looked_at_again(both: Both, monkeypatch: pytest.MonkeyPatch, level: Level) -> None:
    monkeypatch.setattr(module, "PAUSE", 0.5)
    both.load(STOCK, random_rows(STOCK, 60), ledger=True)
    both.duck("DELETE FROM inventario_actual WHERE producto_codigo LIKE '00000%'")
    for name in ("SUC001", "SUC002", "SUC003"):
        both.line(STOCK, name, 2, 20, sinks=["duckdb"])

    def finish() -> None:
        time.sleep(0.3)
        both.pg("DELETE FROM inventario_actual WHERE producto_codigo LIKE '00000%'; UPDATE lotes_aplicados SET version = 2")

    writer = threading.Thread(target=finish)
    writer.start()
    found = stock(both, level)
    writer.join()
    assert (found.verdict, found.reason, found.rows_duckdb, found.rows_postgresql) == (Verdict.IGUAL, "", 50, 50)


def test_a_slice_that_never_stops_being_written_is_in_flight(both: Both) -> None:
    both.load(STOCK, random_rows(STOCK, 60), ledger=True)
    both.pg("UPDATE inventario_actual SET stock = 9999999 WHERE ubicacion_codigo = 'SUC003'")
    stop = threading.Event()

    def write() -> None:
        both.pg("UPDATE lotes_aplicados SET version = 100 WHERE slice = 'SUC003'")
        while not stop.wait(0.005):
            both.pg("UPDATE lotes_aplicados SET version = version + 1 WHERE slice = 'SUC003'")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        time.sleep(0.1)
        found = stock(both)
    finally:
        stop.set()
        writer.join()
    assert found.verdict is Verdict.NO_CONCLUYENTE
    assert found.reason.startswith("in flight: 1 slice being written (SUC003)")


@pytest.mark.parametrize("level", LEVELS)
def test_nothing_on_both_sides_where_rows_were_loaded_is_not_equal(both: Both, level: Level) -> None:
    both.line("ventas", "SUC001/2025-11-24", 1, 12, sinks=["postgresql"])
    found = prove(both.settings, ["ventas", STOCK], level).tables
    assert [t.verdict for t in found] == [Verdict.NO_CONCLUYENTE, Verdict.IGUAL]
    assert "though rows were loaded" in found[0].reason


def test_coverage_that_counts_loaded_rows_says_so_too(both: Both) -> None:
    row = "'inventario_actual', 'SUC001', '2025-11-24T0630', 'completo', 5, {}, 0, 0, 0, 0, now()"
    names = "tabla, ubicacion_codigo, corte, resultado, leidas, cargadas, repetidas, rechazadas, retenidas, arrastradas, leido_en"
    both.duck(f"INSERT INTO cobertura ({names}) VALUES ({row.format(0)})")
    assert prove(both.settings).verdict is Verdict.IGUAL
    both.duck("UPDATE cobertura SET cargadas = 5")
    found = {t.table for t in prove(both.settings).tables if t.verdict is Verdict.NO_CONCLUYENTE}
    assert found == {STOCK, "inventario_historico", "inventario_cortes"}


def test_a_sink_without_the_tables_can_not_be_compared(both: Both) -> None:
    both.pg("DROP TABLE usuarios")
    found = prove(both.settings, ["usuarios", "productos"]).tables
    assert [t.verdict for t in found] == [Verdict.NO_CONCLUYENTE, Verdict.IGUAL]
    assert found[0].reason == "postgresql has no table usuarios → fluxion init"
    both.pg("DROP TABLE lotes_aplicados")
    assert prove(both.settings, ["productos"]).tables[0].reason == "postgresql has no table lotes_aplicados → fluxion init"
