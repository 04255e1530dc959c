"""Repairs from a sink where keys move, rows are carried or displaced, days never landed; and repairs that are cut short."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from fluxion_pipeline.contracts.outcomes import Fact, SinkName
from fluxion_pipeline.errors import SinkAway
from fluxion_pipeline.landing.outbox import Outbox
from fluxion_pipeline.operations import land_repair, repair_from_sink
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.operations.repair import converge_or_fail
from fluxion_pipeline.operations.repair_from_sink import copy, examine
from fluxion_pipeline.operations.repairs import Origin, RepairLine, asked, recorded
from fluxion_pipeline.sinks.protocol import Counts
from fluxion_pipeline_tests.support.home import DAY, Home
from fluxion_pipeline_tests.support.readings import invoices, rejects, sales
from fluxion_pipeline_tests.support.repairs import OLDER, SALES, both, edit_sales, mend


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
