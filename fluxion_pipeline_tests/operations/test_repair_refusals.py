"""What a repair from a sink refuses: sinks that say nothing, too much to write, rows that no image may have."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from functools import partial

import pytest

from fluxion_pipeline.contracts.outcomes import SinkName
from fluxion_pipeline.contracts.tables import LANDED_TABLES
from fluxion_pipeline.errors import ContractError, ConvergenceError, SinkAway, SinkRefused
from fluxion_pipeline.operations import repair as repair_from_lote
from fluxion_pipeline.operations import repair_from_sink
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.operations.repair import FEW_ROWS
from fluxion_pipeline.operations.repair_from_sink import copy, examine
from fluxion_pipeline.operations.repairs import Origin, asked
from fluxion_pipeline_tests.support.home import DAY, NEXT, TICK, Home
from fluxion_pipeline_tests.support.readings import NOON, invoices, sales, stock
from fluxion_pipeline_tests.support.repairs import OLDER, SALES, STOCK, both, edit_sales, mend, refused, sequences


def test_slices_at_different_versions_are_not_copied(home: Home, engine: SinkName) -> None:
    edit_sales(home, engine)
    home.land(stock("SUC007", NEXT, {"000001": 1}, 3))
    for late in SinkName:
        with pytest.raises(SinkAway, match="is behind: it lacks 4 slices of SUC007") as caught:
            examine(home.app, SALES, engine)
        assert caught.value.remedy == "fluxion sync"
        home.converge(late)
    assert not examine(home.app, SALES, engine).empty


def test_a_location_that_lands_between_looking_and_landing_is_not_copied_over(home: Home, engine: SinkName) -> None:
    edit_sales(home, engine)
    plan = examine(home.app, SALES, engine)
    home.land(sales("SUC001", DAY, invoices(*range(9)), 5))
    before = sequences(home)
    with pytest.raises(SinkAway, match="SUC001 landed meanwhile"):
        copy(home.app, plan, asked(home.app, SALES, Origin(engine.value), forced=False))
    assert sequences(home) == before


def test_a_machine_whose_clock_is_behind_repairs_nothing(home: Home, engine: SinkName) -> None:
    """A repair that would be older than what stands is no repair: the past never replaces the present."""
    home.run(engine, "UPDATE productos SET descripcion = 'x' WHERE codigo = '000001'")
    edit_sales(home, engine)
    behind = App(home.settings, lambda: NOON - timedelta(hours=1))
    for table in (SALES, "productos"):
        before = home.wanted(table)
        with pytest.raises(ContractError, match="was seen as it stands at 2025-12-01T12:0") as caught:
            copy(behind, examine(behind, table, engine), asked(behind, table, Origin(engine.value), forced=False))
        assert (caught.value.remedy, home.wanted(table)) == ("set the clock right", before)
        both(home)


def test_a_sink_that_is_away_is_no_witness(home: Home) -> None:
    away = App(home.settings.model_copy(update={"postgres_port": 9}))
    for source in SinkName:
        with pytest.raises(SinkAway):
            examine(away, SALES, source)


def test_a_sink_of_another_outbox_is_no_witness(home: Home, engine: SinkName) -> None:
    home.run(engine, "UPDATE fluxion_meta SET valor = 'another' WHERE clave = 'outbox'")
    with pytest.raises(SinkRefused, match="belongs to the outbox another"):
        examine(home.app, SALES, engine)


def test_tables_that_follow_from_others_say_where_they_are_mended(home: Home) -> None:
    for table in set(LANDED_TABLES) - set(repair_from_sink.FACTS):
        with pytest.raises(ContractError, match=f"{table} can't be repaired from duckdb: ") as caught:
            examine(home.app, table, SinkName.DUCKDB)
        assert "fluxion " in caught.value.remedy


def test_tables_that_never_land_are_named(home: Home) -> None:
    for table, cause in (("usuarios", "usuarios is not landed"), ("nada", "there is no table «nada»")):
        with pytest.raises(ContractError, match=cause):
            examine(home.app, table, SinkName.DUCKDB)


def test_many_rows_want_to_be_asked_for_twice(home: Home, engine: SinkName, monkeypatch: pytest.MonkeyPatch) -> None:
    amounts = {f"{n:06d}": n for n in range(FEW_ROWS + 1)}
    home.land(stock("SUC010", TICK, amounts, 1))
    both(home)
    home.run(engine, "UPDATE inventario_actual SET stock = 1000 WHERE ubicacion_codigo = 'SUC010' AND producto_codigo <> '000000'")
    plan = examine(home.app, STOCK, engine)
    assert refused(home, plan) is None
    home.run(engine, "UPDATE inventario_actual SET stock = 1000 WHERE ubicacion_codigo = 'SUC010'")
    plan = examine(home.app, STOCK, engine)
    assert "101 rows of inventario_actual would be written in the lotes, more than 5% of the 101" in (refused(home, plan) or "")
    monkeypatch.setattr("fluxion_pipeline.operations.repair.MANY_ROWS", 100)
    assert "more than 100" in (refused(home, plan) or "")


ROW = "WHERE ubicacion_codigo = 'SUC001' AND numero_factura = '00000003'"
TYPED = "ALTER TABLE ventas ALTER COLUMN {} TYPE {}"
OUTSIDE = {
    "a required value that is NULL": (
        ["ALTER TABLE ventas ALTER COLUMN producto_codigo DROP NOT NULL", f"UPDATE ventas SET producto_codigo = NULL {ROW}"],
        "producto_codigo is missing",
    ),
    "a number out of range": (
        [TYPED.format("venta_total", "NUMERIC(38, 4)"), f"UPDATE ventas SET venta_total = 1e15 {ROW}"],
        "venta_total does not fit",
    ),
    "a number that is none": (
        [TYPED.format("venta_total", "DOUBLE PRECISION"), f"UPDATE ventas SET venta_total = 'NaN' {ROW}"],
        "venta_total does not fit",
    ),
    "too many decimals": (
        [TYPED.format("cantidad", "NUMERIC(38, 8)"), f"UPDATE ventas SET cantidad = 0.00001 {ROW}"],
        "cantidad does not fit",
    ),
    "another day than its instant's": ([f"UPDATE ventas SET fecha_venta = fecha_venta + INTERVAL '2 days' {ROW}"], "fecha_negocio is not the local day"),
    "a day before there were stores": (
        [f"UPDATE ventas SET fecha_venta = fecha_venta - INTERVAL '900 years' {ROW}"],
        "fecha_negocio is not the local day of fecha_venta",
    ),
    "an empty code": ([f"UPDATE ventas SET producto_codigo = '' {ROW}"], "producto_codigo is empty"),
    "a code too long for an index": ([f"UPDATE ventas SET producto_codigo = repeat('9', 1001) {ROW}"], "producto_codigo is longer than 1000 bytes"),
    "a location that nobody knows": ([f"UPDATE ventas SET ubicacion_codigo = 'SUC099' {ROW}"], "ubicacion_codigo is not in ubicaciones.csv"),
}


@pytest.mark.parametrize("what", list(OUTSIDE))
def test_values_that_no_image_may_have_are_named_by_key_and_column(home: Home, engine: SinkName, what: str) -> None:
    statements, problem = OUTSIDE[what]
    for statement in statements:
        home.run(engine, statement)
    before = sequences(home)
    with pytest.raises(ContractError, match=problem) as caught:
        examine(home.app, SALES, engine)
    assert f"{engine} holds a row of ventas that no image may have: " in caught.value.what
    assert "numero_factura=00000003 linea=1" in caught.value.what
    assert caught.value.remedy == f"correct it in {engine}, or take the lotes' word: fluxion repair ventas --from lote"
    assert sequences(home) == before


def test_a_column_whose_type_lost_all_meaning_is_an_error_that_says_so(home: Home) -> None:
    home.run(SinkName.DUCKDB, "ALTER TABLE ventas ALTER COLUMN venta_total TYPE VARCHAR")
    home.run(SinkName.DUCKDB, f"UPDATE ventas SET venta_total = 'gratis' {ROW}")
    with pytest.raises(ContractError, match="venta_total does not fit"):
        examine(home.app, SALES, SinkName.DUCKDB)
    with pytest.raises(ContractError, match="duckdb's ventas can't be compared") as caught:
        examine(home.app, SALES, SinkName.POSTGRESQL)
    assert caught.value.remedy == "fluxion parity ventas --level schema"


@pytest.mark.parametrize("look", [repair_from_lote.examine, partial(examine, source=SinkName.POSTGRESQL)])
def test_an_image_that_cannot_be_read_is_named_with_the_way_to_get_it_back(home: Home, look: Callable[[App, str], object]) -> None:
    newest = max((home.settings.home / "lotes").rglob("*-ventas-*.parquet"))
    newest.write_bytes(newest.read_bytes()[: newest.stat().st_size // 2])
    with pytest.raises(ConvergenceError, match=f"the image .*{newest.name} of ventas can't be read") as caught:
        look(home.app, SALES)
    assert caught.value.remedy.startswith("fluxion repair ")


def test_a_text_with_u0000_stays_in_duckdb(home: Home) -> None:
    home.run(SinkName.DUCKDB, f"UPDATE ventas SET unidad = 'k' || chr(0) || 'g' {ROW}")
    with pytest.raises(ContractError, match=r"unidad contains U\+0000"):
        examine(home.app, SALES, SinkName.DUCKDB)


def test_the_largest_and_most_exact_numbers_of_the_contract_pass(home: Home, engine: SinkName) -> None:
    home.run(engine, f"UPDATE ventas SET venta_total = 99999999999999.9999, cantidad = -0.0001 {ROW}")
    mend(home, SALES, engine)
    home.assert_equal()


def test_a_row_that_is_there_twice_lands_once(home: Home) -> None:
    for table, where in ((SALES, ROW), (STOCK, "WHERE producto_codigo = '000001'"), ("productos", "WHERE codigo = '000001'")):
        home.run(SinkName.DUCKDB, f"INSERT INTO {table} SELECT * FROM {table} {where}")
        before = home.wanted(table)
        planned = {w.target: w.rows for w in examine(home.app, table, SinkName.DUCKDB).writings(home.app)}
        assert planned == {Origin.LOTE: 0, Origin.DUCKDB: 1 if table != STOCK else 2, Origin.POSTGRESQL: 0}
        mend(home, table, SinkName.DUCKDB)
        assert home.wanted(table) == before
        home.assert_equal()


def test_a_doubled_row_beside_an_edit_lands_once_with_the_edit(home: Home) -> None:
    edit_sales(home, SinkName.DUCKDB)
    home.run(SinkName.DUCKDB, f"INSERT INTO ventas SELECT * FROM ventas {ROW}")
    mend(home, SALES, SinkName.DUCKDB)
    home.assert_equal()
    assert home.run(SinkName.DUCKDB, f"SELECT venta_total FROM ventas {ROW}") == [(Decimal(99),)]


def test_a_key_with_two_different_rows_is_refused_by_its_name(home: Home) -> None:
    home.run(SinkName.DUCKDB, f"INSERT INTO ventas SELECT * REPLACE (7 AS venta_total) FROM ventas {ROW}")
    with pytest.raises(ContractError, match=r"ubicacion_codigo=SUC001 numero_factura=00000003 linea=1: is there more than once, with different values"):
        examine(home.app, SALES, SinkName.DUCKDB)


def test_a_key_on_two_days_is_refused_by_its_name(home: Home, engine: SinkName) -> None:
    names = "ubicacion_codigo, numero_factura, linea, producto_codigo, cantidad, venta_total, es_devolucion"
    home.run(
        engine,
        f"INSERT INTO ventas ({names}, fecha_venta, fecha_negocio) SELECT {names}, fecha_venta - INTERVAL '1 day', DATE '{OLDER}' FROM ventas {ROW}",
    )
    if engine is SinkName.POSTGRESQL:
        assert home.run(engine, f"SELECT count(*) FROM ventas {ROW}") == [(2,)]
    with pytest.raises(ContractError, match="numero_factura=00000003 linea=1: is there more than once"):
        examine(home.app, SALES, engine)
