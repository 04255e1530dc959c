"""Repair from a sink: what a person wrote there becomes what landing decided, everywhere, until the store says something newer."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from fluxion_pipeline.contracts.outcomes import Fact, SinkName, Verdict
from fluxion_pipeline.contracts.tables import LANDED_TABLES
from fluxion_pipeline.errors import ContractError, SettingsError, SinkAway, SinkRefused
from fluxion_pipeline.landing.outbox import Outbox
from fluxion_pipeline.operations import land_repair, repair_from_sink
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.operations.repair import FEW_ROWS, Repaired, converge_or_fail, refusal
from fluxion_pipeline.operations.repair_from_sink import Copying, copy, examine
from fluxion_pipeline.operations.repairs import Origin, RepairLine, asked, recorded, user
from fluxion_pipeline.parity.prove import prove
from fluxion_pipeline.settings import Settings
from fluxion_pipeline.sinks.embedded.server import ServerAddress
from fluxion_pipeline.sinks.protocol import Counts
from fluxion_pipeline_tests.support import postgres
from fluxion_pipeline_tests.support.home import DAY, NEXT, TICK, Home, two_stores
from fluxion_pipeline_tests.support.readings import catalogue, invoices, rejects, sales, stock

OLDER = "2025-11-22"
SALES, STOCK = "ventas", "inventario_actual"


@pytest.fixture(params=list(SinkName), ids=str)
def engine(request: pytest.FixtureRequest) -> SinkName:
    """The sink that is taken to be right."""
    return SinkName(request.param)


@pytest.fixture(scope="module")
def made(postgres_server: ServerAddress, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Two stores and a catalogue in both sinks; it is only copied from."""
    with postgres.fresh_database(postgres_server) as database:
        found = Home(postgres.settings_for(postgres_server, database, tmp_path_factory.mktemp("made") / "home")).ready()
        two_stores(found)
        both(found)
        yield found.settings


@pytest.fixture
def home(postgres_server: ServerAddress, made: Settings, tmp_path: Path) -> Iterator[Home]:
    """A copy of it: home, DuckDB file and database."""
    with postgres.fresh_database(postgres_server, made.postgres_db) as database:
        shutil.copytree(made.home, tmp_path / "home")
        yield Home(postgres.settings_for(postgres_server, database, tmp_path / "home"))


def both(home: Home) -> Home:
    for sink in home.settings.db_mode.sinks:
        home.converge(sink)
    return home


def mend(home: Home, table: str, source: SinkName, *, forced: bool = False) -> tuple[Repaired, ...]:
    plan = examine(home.app, table, source)
    assert refusal(table, Origin(source.value), list(plan.writings(home.app))) is None or forced
    return copy(home.app, plan, asked(home.app, table, Origin(source.value), forced))


def sequences(home: Home) -> dict[str, int]:
    return {p: home.outbox.index.sequence(p) for p in home.outbox.index.locations()}


def edit_sales(home: Home, sink: SinkName) -> None:
    home.run(sink, "UPDATE ventas SET venta_total = 99, unidad = 'kg' WHERE ubicacion_codigo = 'SUC001' AND numero_factura = '00000003'")
    home.run(sink, "DELETE FROM ventas WHERE ubicacion_codigo = 'SUC001' AND numero_factura = '00000004'")
    home.run(
        sink,
        "INSERT INTO ventas (ubicacion_codigo, numero_factura, linea, fecha_venta, fecha_negocio, producto_codigo, cantidad, venta_total, es_devolucion)"
        " SELECT ubicacion_codigo, '00000777', 1, fecha_venta, fecha_negocio, '000999', cantidad, venta_total, es_devolucion FROM ventas"
        " WHERE ubicacion_codigo = 'SUC007' AND numero_factura = '00000001'",
    )


def test_a_dry_run_tells_what_would_be_written_where_and_writes_nothing(home: Home, engine: SinkName) -> None:
    edit_sales(home, engine)
    before, held = sequences(home), home.held(engine, SALES)
    plan = examine(home.app, SALES, engine)
    other = next(x for x in SinkName if x is not engine)
    assert [(w.target, w.inserts, w.changes, w.deletes, w.involved) for w in plan.writings(home.app)] == [
        (Origin.LOTE, 1, 1, 1, 14),
        (Origin(other.value), 1, 1, 1, 14),
    ]
    assert plan.slices == {f"SUC001/{DAY}", f"SUC007/{DAY}"}
    assert plan.apart is not None
    assert len(plan.apart.sample) == 3
    assert (sequences(home), home.held(engine, SALES)) == (before, held)
    assert recorded(home.app) == ()


def test_edited_sales_become_the_images_of_every_sink_and_are_proven(home: Home, engine: SinkName) -> None:
    edit_sales(home, engine)
    right = home.held(engine, SALES)
    done = mend(home, SALES, engine)
    assert {d.target: d.rows for d in done if any(d.rows)} == {
        Origin.LOTE: (1, 1, 1),
        Origin(next(x for x in SinkName if x is not engine).value): (1, 1, 1),
    }
    assert home.wanted(SALES) == right
    home.assert_equal()
    assert prove(home.settings).verdict is Verdict.IGUAL
    assert examine(home.app, SALES, engine).empty
    # A product that only the repaired row names is known from now on, as one that facts met first.
    assert home.run(engine, "SELECT es_provisional FROM productos WHERE codigo = '000999'") == [(True,)]


def test_the_reading_that_stood_undoes_nothing_and_the_next_one_replaces_it(home: Home, engine: SinkName) -> None:
    edit_sales(home, engine)
    coverage = home.wanted("cobertura")
    mend(home, SALES, engine)
    assert home.wanted("cobertura") == coverage
    repaired = home.wanted(SALES)
    again = sales("SUC001", DAY, invoices(*range(10)), 10**6, rejects=rejects({"id": "r1", "linea": 7, "campo": "cantidad", "valor": "x"}, {"id": "r2"}))
    (told,) = home.land(again)
    assert not told.new
    assert home.wanted(SALES) == repaired
    late = sales("SUC001", DAY, invoices(*range(9)), 1)
    (told,) = home.land(late)
    assert (told.applied, home.wanted(SALES)) == (False, repaired)
    (told,) = home.land(sales("SUC001", DAY, invoices(*range(8)), 2 * 10**6))
    assert told.applied
    both(home).assert_equal()
    assert home.run(engine, "SELECT count(*) FROM ventas WHERE ubicacion_codigo = 'SUC001'") == [(8,)]


def test_each_repair_is_recorded_in_every_sink_with_who_asked_and_what_it_wrote(home: Home, engine: SinkName) -> None:
    edit_sales(home, engine)
    mend(home, SALES, engine)
    other = Origin(next(x for x in SinkName if x is not engine).value)
    lines = {x.destino: x for x in recorded(home.app, SALES)}
    assert set(lines) == {"lote", other.value}
    for line in lines.values():
        assert (line.pedida_por, line.origen, line.forzada, line.probada) == (user(), engine.value, False, True)
        assert (line.insertadas, line.cambiadas, line.borradas) == (1, 1, 1)
        assert line.names == (f"SUC001/{DAY}", f"SUC007/{DAY}")
        assert (line.filas_antes, line.filas_despues) == (14, 14)
        assert line.huella_antes != line.huella_despues
    assert len({(x.huella_antes, x.huella_despues) for x in lines.values()}) == 1
    for sink in SinkName:
        assert home.held(sink, "reparaciones") == home.wanted("reparaciones")
    home.run(SinkName.DUCKDB, "DELETE FROM reparaciones")
    home.converge(SinkName.DUCKDB, force={"reparaciones": None})
    assert sum(home.held(SinkName.DUCKDB, "reparaciones").values()) == 2


def test_a_repair_from_the_lote_is_recorded_too(home: Home, engine: SinkName) -> None:
    from fluxion_pipeline.operations import repair as from_lote

    edit_sales(home, engine)
    from_lote.repair(home.app, from_lote.examine(home.app, SALES))
    (line,) = recorded(home.app)
    assert (line.destino, line.origen, line.insertadas, line.cambiadas, line.borradas) == (engine.value, "lote", 1, 1, 1)
    assert (line.filas_antes, line.filas_despues, line.probada) == (14, 14, True)
    assert line.huella_despues == str(sum(int(i.digest) for p in ("SUC001", "SUC007") for i in home.outbox.index.images(p, SALES)))
    home.assert_equal()


# ── stock ───────────────────────────────────────────────────────────────────────────────────
def edit_stock(home: Home, sink: SinkName) -> None:
    home.run(sink, "UPDATE inventario_actual SET stock = 12 WHERE ubicacion_codigo = 'SUC001' AND producto_codigo = '000001'")
    home.run(sink, "DELETE FROM inventario_actual WHERE ubicacion_codigo = 'SUC001' AND producto_codigo = '000002'")
    home.run(sink, "INSERT INTO inventario_actual (ubicacion_codigo, almacen_codigo, producto_codigo, stock) VALUES ('SUC001', 'B', '000009', 3)")


def test_repaired_stock_lands_its_tick_again_and_the_history_agrees(home: Home, engine: SinkName) -> None:
    edit_stock(home, engine)
    mend(home, STOCK, engine)
    home.assert_equal()
    for sink in SinkName:
        now = "SELECT almacen_codigo, producto_codigo, stock FROM {} ORDER BY 1, 2"
        actual = home.run(sink, now.format("inventario_actual WHERE ubicacion_codigo = 'SUC001'"))
        assert actual == [("B", "000009", Decimal(3)), ("SUC001", "000001", Decimal(12))]
        assert home.run(sink, now.format("stock_en('2025-11-24 11:00:00+00', 'SUC001')")) == actual
        before = home.run(sink, now.format("stock_en('2025-11-24 10:30:00+00', 'SUC001')"))
        assert [r[1:] for r in before] == [("000001", 5), ("000002", Decimal("-3.25")), ("000003", 0)]
        assert home.run(sink, "SELECT filas FROM inventario_cortes WHERE ubicacion_codigo = 'SUC001' ORDER BY capturado_en") == [(3,), (2,)]
    (told,) = home.land(stock("SUC001", NEXT, {"000001": 5, "000002": 7}, 10**6))
    assert not told.new
    home.land(stock("SUC001", "2025-11-24T0730", {"000001": 12, "000002": 1}, 10**6 + 1))
    both(home).assert_equal()
    moved = home.run(engine, "SELECT producto_codigo, movimiento FROM inventario_historico WHERE capturado_en = '2025-11-24 11:30:00+00' ORDER BY 1")
    assert moved == [("000002", "cambio"), ("000009", "baja")]


def test_stock_of_a_location_without_ticks_has_none_to_land_again(home: Home, engine: SinkName) -> None:
    home.run(engine, "INSERT INTO inventario_actual (ubicacion_codigo, almacen_codigo, producto_codigo, stock) VALUES ('SUC005', 'B', '000009', 3)")
    with pytest.raises(ContractError, match="no tick of SUC005 ever landed"):
        examine(home.app, STOCK, engine)


def test_a_location_emptied_by_hand_is_repaired_when_forced(home: Home, engine: SinkName) -> None:
    home.run(engine, "DELETE FROM inventario_actual")
    plan = examine(home.app, STOCK, engine)
    assert "has no rows of inventario_actual at all" in (refusal(STOCK, Origin(engine.value), list(plan.writings(home.app))) or "")
    mend(home, STOCK, engine, forced=True)
    home.assert_equal()
    assert home.held(engine, STOCK) == {}
    assert recorded(home.app)[0].forzada


# ── products ────────────────────────────────────────────────────────────────────────────────
def test_edited_products_stand_until_the_catalogue_says_something_new(home: Home, engine: SinkName) -> None:
    home.run(engine, "UPDATE productos SET descripcion = 'Café molido', iva = 8 WHERE codigo = '000001'")
    home.run(engine, "DELETE FROM productos WHERE codigo = '000004'")
    mend(home, "productos", engine)
    home.assert_equal()
    same = [{"codigo": f"{n:06d}", "descripcion": f"producto {n}", "iva": Decimal(16)} for n in range(5)]
    (told,) = home.land(catalogue(same, 10**6))
    assert not told.new
    assert home.run(engine, "SELECT descripcion FROM productos WHERE codigo = '000001'") == [("Café molido",)]
    (late,) = home.land(catalogue(same[:3], 1))
    assert not late.applied
    (told,) = home.land(catalogue([*same[:2], {"codigo": "000008"}], 2 * 10**6))
    assert told.applied
    both(home).assert_equal()
    names = home.run(engine, "SELECT codigo, descripcion FROM productos ORDER BY 1")
    assert names[:2] == [("000000", "producto 0"), ("000001", "producto 1")]
    assert [c for c, _ in names] == ["000000", "000001", "000002", "000003", "000008"]


# ── keys that moved, carried rows ───────────────────────────────────────────────────────────
def moved(home: Home) -> Home:
    """Invoice 1 was of the older day and moved to the newer one, where it costs more."""
    home.land(sales("SUC010", OLDER, invoices(1, 2), 2), sales("SUC010", DAY, invoices(1, 3, venta_total=Decimal(7)), 3))
    return both(home)


def of_suc010(home: Home, sink: SinkName) -> list[tuple[Any, ...]]:
    return home.run(
        sink, "SELECT CAST(fecha_negocio AS VARCHAR), numero_factura, venta_total FROM ventas WHERE ubicacion_codigo = 'SUC010' ORDER BY numero_factura"
    )


def test_a_repair_keeps_displaced_rows_which_come_back_when_the_newer_day_drops_them(home: Home, engine: SinkName) -> None:
    moved(home)
    for day in (OLDER, DAY):
        home.run(engine, f"UPDATE ventas SET unidad = 'kg' WHERE ubicacion_codigo = 'SUC010' AND fecha_negocio = '{day}'")
    mend(home, SALES, engine)
    home.assert_equal()
    home.land(sales("SUC010", DAY, invoices(3), 10**6))
    both(home).assert_equal()
    assert of_suc010(home, engine) == [(OLDER, "00000001", Decimal("2.5")), (OLDER, "00000002", Decimal("2.5")), (DAY, "00000003", Decimal("2.5"))]


def test_a_key_that_was_deleted_by_hand_does_not_come_back_in_its_older_day(home: Home, engine: SinkName) -> None:
    moved(home)
    home.run(engine, "DELETE FROM ventas WHERE ubicacion_codigo = 'SUC010' AND numero_factura = '00000001'")
    mend(home, SALES, engine)
    home.assert_equal()
    assert [r[1] for r in of_suc010(home, engine)] == ["00000002", "00000003"]


def test_a_key_that_was_moved_to_another_day_by_hand_is_there_only(home: Home, engine: SinkName) -> None:
    moved(home)
    home.run(
        engine,
        f"UPDATE ventas SET fecha_negocio = '{OLDER}', fecha_venta = fecha_venta - INTERVAL '1 day', venta_total = 4"
        " WHERE ubicacion_codigo = 'SUC010' AND numero_factura IN ('00000001', '00000003')",
    )
    mend(home, SALES, engine)
    home.assert_equal()
    assert [r[:2] for r in of_suc010(home, engine)] == [(OLDER, "00000001"), (OLDER, "00000002"), (OLDER, "00000003")]
    assert home.outbox.index.images("SUC010", SALES, slices=[f"SUC010/{DAY}"])[0].rows == 0
    Outbox(home.settings.home).open().rebuild()
    again = Home(home.settings)
    again.land(sales("SUC010", DAY, invoices(1, venta_total=Decimal(9)), 10**6))
    both(again).assert_equal()
    assert (DAY, "00000001", Decimal(9)) in of_suc010(again, engine)


def test_carried_rows_stay_carried_through_a_repair(home: Home, engine: SinkName) -> None:
    broken = rejects({"id": "x", "clave": "00000002\x1f1"})
    home.land(sales("SUC007", DAY, invoices(0, 1, 3), 5, rejects=broken))
    both(home)
    home.run(engine, "UPDATE ventas SET unidad = 'kg' WHERE ubicacion_codigo = 'SUC007' AND numero_factura = '00000001'")
    mend(home, SALES, engine)
    home.assert_equal()
    with home.outbox.lock("SUC007") as past:
        state = {r["numero_factura"]: (r["_arrastrada"], r["unidad"]) for r in past.day(DAY).to_pylist()}
    assert state == {"00000000": (False, None), "00000001": (False, "kg"), "00000002": (True, None), "00000003": (False, None)}


def test_a_day_that_never_landed_lands_with_the_rows_that_a_person_wrote(home: Home, engine: SinkName) -> None:
    home.run(
        engine,
        "INSERT INTO ventas (ubicacion_codigo, numero_factura, linea, fecha_venta, fecha_negocio, producto_codigo, cantidad, venta_total, es_devolucion)"
        f" VALUES ('SUC003', '1', 1, '{DAY} 15:00:00+00', '{DAY}', '000001', 1, 1, false)",
    )
    mend(home, SALES, engine)
    home.assert_equal()
    assert home.outbox.index.standing(Fact.VENTAS, "SUC003", DAY) is None
    (told,) = home.land(sales("SUC003", DAY, invoices(1, 2), 10**6))
    assert told.applied
    both(home).assert_equal()


# ── where the source is right already, or both are wrong ────────────────────────────────────
def test_a_sink_that_departs_is_mended_from_the_other_without_a_lote(home: Home, engine: SinkName) -> None:
    other = next(x for x in SinkName if x is not engine)
    edit_sales(home, other)
    before = sequences(home)
    done = mend(home, SALES, engine)
    assert {d.target: d.rows for d in done if any(d.rows)} == {Origin(other.value): (1, 1, 1)}
    home.assert_equal()
    assert {k: v for k, v in sequences(home).items() if k != "*"} == {k: v for k, v in before.items() if k != "*"}


def test_two_sinks_that_were_edited_alike_are_right_when_a_person_says_so(home: Home, engine: SinkName) -> None:
    for sink in SinkName:
        edit_sales(home, sink)
    assert prove(home.settings, [SALES]).verdict is Verdict.IGUAL
    plan = examine(home.app, SALES, engine)
    assert [(w.target.value, w.rows) for w in plan.writings(home.app)] == [("lote", 3), (next(x.value for x in SinkName if x is not engine), 0)]
    mend(home, SALES, engine)
    home.assert_equal()


def test_one_active_sink_is_enough(duck_settings: Settings) -> None:
    home = Home(duck_settings).ready()
    two_stores(home)
    both(home)
    edit_sales(home, SinkName.DUCKDB)
    mend(home, SALES, SinkName.DUCKDB)
    home.assert_equal(SinkName.DUCKDB)
    with pytest.raises(SettingsError, match="DB_MODE=duckdb doesn't write postgresql"):
        examine(home.app, SALES, SinkName.POSTGRESQL)


# ── refusals ────────────────────────────────────────────────────────────────────────────────
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


def refused(home: Home, plan: Copying) -> str | None:
    return refusal(plan.table, Origin(plan.source.value), list(plan.writings(home.app)))


# ── what no image may have ──────────────────────────────────────────────────────────────────
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


# ── a repair that is interrupted ────────────────────────────────────────────────────────────
class Crash(Exception):
    """The process dies."""


def test_a_repair_that_dies_half_way_is_finished_by_the_next_one(home: Home, engine: SinkName, monkeypatch: pytest.MonkeyPatch) -> None:
    edit_sales(home, engine)
    right = home.held(engine, SALES)
    landing = land_repair.land
    with monkeypatch.context() as patch:

        def dies(app: App, source: SinkName, fact: Fact, location: str, *more: Any) -> land_repair.Landed:
            if location == "SUC007":
                raise Crash
            return landing(app, source, fact, location, *more)

        patch.setattr(repair_from_sink, "land", dies)
        with pytest.raises(Crash):
            mend(home, SALES, engine)
    both(home)  # a tick comes before the repair is tried again
    assert home.held(engine, SALES) == right
    mend(home, SALES, engine)
    home.assert_equal()
    assert home.wanted(SALES) == right
    told: tuple[RepairLine, ...] = recorded(home.app)
    assert [x.probada for x in told if x.destino == "lote"] == [False, True]


def test_a_sink_that_goes_away_after_the_landing_is_owed_the_rest(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    edit_sales(home, SinkName.DUCKDB)
    right = home.held(SinkName.DUCKDB, SALES)
    plan = examine(home.app, SALES, SinkName.DUCKDB)
    with monkeypatch.context() as patch:

        def away(app: App, name: SinkName, *more: Any) -> Counts:
            if name is SinkName.POSTGRESQL:
                raise SinkAway("postgresql", "it went away")
            return converge_or_fail(app, name, *more)

        patch.setattr(repair_from_sink, "converge_or_fail", away)
        with pytest.raises(SinkAway):
            copy(home.app, plan, asked(home.app, SALES, Origin.DUCKDB, forced=False))
    assert home.wanted(SALES) == home.held(SinkName.DUCKDB, SALES)
    both(home).assert_equal()
    assert home.held(SinkName.POSTGRESQL, SALES) == right
    assert [x.probada for x in recorded(home.app)] == [False]
