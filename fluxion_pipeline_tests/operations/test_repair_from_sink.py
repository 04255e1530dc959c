"""Repair from a sink: what a person wrote there becomes what landing decided, everywhere, until the store says something newer."""

from __future__ import annotations

from decimal import Decimal

import pytest

from fluxion_pipeline.contracts.outcomes import SinkName, Verdict
from fluxion_pipeline.errors import ContractError, SettingsError
from fluxion_pipeline.operations.repair import refusal
from fluxion_pipeline.operations.repair_from_sink import examine
from fluxion_pipeline.operations.repairs import Origin, recorded, user
from fluxion_pipeline.parity.prove import prove
from fluxion_pipeline.settings import Settings
from fluxion_pipeline_tests.support.home import DAY, NEXT, Home, two_stores
from fluxion_pipeline_tests.support.readings import catalogue, invoices, rejects, sales, stock
from fluxion_pipeline_tests.support.repairs import SALES, STOCK, both, edit_sales, edit_stock, mend, sequences


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
    found = prove(home.settings, [SALES])
    assert (found.verdict, found.tables[0].differing) == (Verdict.DIFERENTE, frozenset())
    assert found.tables[0].unlike_lote
    plan = examine(home.app, SALES, engine)
    assert [(w.target.value, w.rows) for w in plan.writings(home.app)] == [("lote", 3), (next(x.value for x in SinkName if x is not engine), 0)]
    mend(home, SALES, engine)
    home.assert_equal()
    assert prove(home.settings, [SALES]).verdict is Verdict.IGUAL


def test_one_active_sink_is_enough(duck_settings: Settings) -> None:
    home = Home(duck_settings).ready()
    two_stores(home)
    both(home)
    edit_sales(home, SinkName.DUCKDB)
    mend(home, SALES, SinkName.DUCKDB)
    home.assert_equal(SinkName.DUCKDB)
    with pytest.raises(SettingsError, match="DB_MODE=duckdb doesn't write postgresql"):
        examine(home.app, SALES, SinkName.POSTGRESQL)
