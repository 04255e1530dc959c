"""Why a row is as it is: each thing that can happen to it shows, with reading and file, in time order."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from fluxion_pipeline.contracts.outcomes import Fact, SinkName
from fluxion_pipeline.operations import repair as from_lote
from fluxion_pipeline.operations.accept import accept, waiting
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.operations.bring_up import bring_up
from fluxion_pipeline.operations.explain import explain
from fluxion_pipeline.operations.land import Request, read_and_land
from fluxion_pipeline.operations.repair_from_sink import copy, examine
from fluxion_pipeline.operations.repairs import Origin, asked, user
from fluxion_pipeline.sinks.duckdb.connect import open_file
from fluxion_pipeline_tests.support.drops import product, sale, stock, write_products, write_sales, write_stock

DAY, NEXT = "2025-03-10", "2025-03-11"
TICKS = ("2025-03-10T1000", "2025-03-10T1030", "2025-03-10T1100")
PLACE = f"SUC001/{DAY}"
KEY = ["tienda_01", "000000000001", "1"]


def load(app: App, fact: Fact, **asked_for: object) -> None:
    read_and_land(app, replace(Request(fact, locations=("SUC001",)), **asked_for))  # type: ignore[arg-type]
    bring_up(app, SinkName.DUCKDB)


def sold(app: App, drops: Path, day: str, *rows: dict[str, str]) -> None:
    write_sales(drops, "tienda_01", day, list(rows))
    load(app, Fact.VENTAS)


def by_hand(app: App, sql: str) -> None:
    with open_file(app.settings, write=True) as file:
        file.execute(sql)


def story(app: App, table: str, *key: str) -> list[tuple[str, str]]:
    return [(e.what, e.slice) for e in explain(app, table, key).events]


def test_a_row_of_sales_through_everything_that_can_happen_to_it(app: App, drops: Path) -> None:
    one, two = sale(DAY, "000000000001"), sale(DAY, "000000000002")
    sold(app, drops, DAY, one, two)
    sold(app, drops, DAY, sale(DAY, "000000000001", cantidad="x"), two)
    sold(app, drops, NEXT, sale(NEXT, "000000000001", cantidad=2))
    sold(app, drops, NEXT, sale(NEXT, "000000000003"))
    by_hand(app, "UPDATE ventas SET venta_total = 99 WHERE numero_factura = '000000000001'")
    copy(app, examine(app, "ventas", SinkName.DUCKDB), asked(app, "ventas", Origin.DUCKDB, forced=False))
    by_hand(app, "DELETE FROM ventas WHERE numero_factura = '000000000001'")
    from_lote.repair(app, from_lote.examine(app, "ventas"))
    sold(app, drops, DAY, two)
    found = explain(app, "ventas", KEY)
    assert [(e.what, e.slice) for e in found.events] == [
        ("landed", PLACE),
        ("carried", PLACE),
        ("rejected", PLACE),
        ("displaced", PLACE),
        ("landed", f"SUC001/{NEXT}"),
        ("came back", PLACE),
        ("gone", f"SUC001/{NEXT}"),
        ("repair", PLACE),
        ("repaired", PLACE),
        ("repair", PLACE),
        ("gone", PLACE),
    ]
    landed, carried, rejected = found.events[:3]
    assert (landed.origin, landed.note) == (f"ventas/tienda_01/{DAY}.csv", "completo")
    assert (rejected.row, rejected.origin) == ({"campo": "cantidad", "valor": "x"}, f"ventas/tienda_01/{DAY}.csv, line 2")
    assert carried.row == landed.row
    asked_for, repaired, from_lotes, _ = found.events[-4:]
    assert (asked_for.origin, "lote: 0 inserted, 1 changed, 0 deleted" in asked_for.note) == (f"duckdb, asked for by {user()}", True)
    assert repaired.row is not None
    assert repaired.row["venta_total"] == Decimal(99)
    assert (repaired.origin, f"asked for by {user()}" in repaired.note) == ("reparacion: duckdb", True)
    assert (from_lotes.origin, "(proven): duckdb: 1 inserted" in from_lotes.note) == (f"lote, asked for by {user()}", True)
    assert [e.when for e in found.events] == sorted(e.when for e in found.events)
    assert (found.image, found.sinks["duckdb"]) == ([], [])


def test_rows_that_a_repair_left_alone_were_not_repaired(app: App, drops: Path) -> None:
    sold(app, drops, DAY, sale(DAY, "000000000001"), sale(DAY, "000000000002"))
    by_hand(app, "UPDATE ventas SET venta_total = 99 WHERE numero_factura = '000000000002'")
    copy(app, examine(app, "ventas", SinkName.DUCKDB), asked(app, "ventas", Origin.DUCKDB, forced=False))
    assert story(app, "ventas", *KEY) == [("landed", PLACE), ("repair", PLACE)]


def test_a_line_deleted_by_a_repair_is_gone_with_who_asked(app: App, drops: Path) -> None:
    sold(app, drops, DAY, sale(DAY, "000000000001"), sale(DAY, "000000000002"))
    by_hand(app, "DELETE FROM ventas WHERE numero_factura = '000000000001'")
    copy(app, examine(app, "ventas", SinkName.DUCKDB), asked(app, "ventas", Origin.DUCKDB, forced=False))
    found = explain(app, "ventas", KEY)
    assert [e.what for e in found.events] == ["landed", "repair", "gone"]
    assert found.events[-1].note.startswith("reparacion (repair): repair ")


def test_stock_that_changed_was_corrected_repaired_and_vanished(app: App, drops: Path) -> None:
    for tick, amount in zip(TICKS[:2], (4, 5), strict=True):
        write_stock(drops, "tienda_01", tick, [stock("00000001", amount), stock("00000002", 1)])
    load(app, Fact.INVENTARIO)
    write_stock(drops, "tienda_01", TICKS[0], [stock("00000001", 5), stock("00000002", 1)])
    load(app, Fact.INVENTARIO)
    by_hand(app, "UPDATE inventario_actual SET stock = 12 WHERE producto_codigo = '00000001'")
    copy(app, examine(app, "inventario_actual", SinkName.DUCKDB), asked(app, "inventario_actual", Origin.DUCKDB, forced=False))
    write_stock(drops, "tienda_01", TICKS[2], [stock("00000002", 1)])
    load(app, Fact.INVENTARIO)
    found = explain(app, "inventario_actual", ["SUC001", "00000001"])
    assert [(e.what, e.slice[-4:], (e.row or {}).get("stock")) for e in found.events] == [
        ("landed", "1000", 4),
        ("landed", "1030", 5),
        ("landed", "1000", 5),
        ("no change", "1030", None),
        ("repair", "C001", None),
        ("repaired", "1030", 12),
        ("gone", "1100", None),
    ]
    assert (found.image, found.sinks["duckdb"]) == ([], [])


def test_a_snapshot_that_was_held_back_and_accepted(app: App, drops: Path) -> None:
    write_stock(drops, "tienda_01", TICKS[0], [stock(f"{n:08d}", 5) for n in range(60)])
    write_stock(drops, "tienda_01", TICKS[1], [stock(f"{n:08d}", 7) for n in range(28)] + [stock("00000040", "x")])
    load(app, Fact.INVENTARIO)
    held = explain(app, "inventario_actual", ["SUC001", "00000003"]).events[-1]
    assert (held.what, (held.row or {})["stock"], held.note.partition(":")[0]) == ("held back", 7, "sospechoso")
    refused = explain(app, "inventario_actual", ["SUC001", "00000040"]).events[-1]
    assert (refused.what, refused.row) == ("rejected", {"campo": "stock", "valor": "x"})
    accept(app, waiting(app))
    assert [e.what for e in explain(app, "inventario_actual", ["SUC001", "00000003"]).events] == ["landed", "held back", "landed"]
    carried = explain(app, "inventario_actual", ["SUC001", "00000040"])
    assert [e.what for e in carried.events] == ["landed", "rejected"]
    assert [r["stock"] for r in carried.image] == [5]


def test_a_row_that_a_held_back_reading_lacks_says_why_it_is_still_there(app: App, drops: Path) -> None:
    kept = [sale(DAY, f"{n:012d}") for n in range(1, 61)]
    sold(app, drops, DAY, *kept)
    sold(app, drops, NEXT, sale(NEXT, "000000000050"))
    sold(app, drops, DAY, *kept[:10])
    found = explain(app, "ventas", ["tienda_01", "000000000040", "1"])
    assert [(e.what, e.slice, e.row is None) for e in found.events] == [("landed", PLACE, False), ("held back", PLACE, True)]
    assert found.events[-1].note.startswith("sospechoso: quita")
    assert found.events[-1].note.endswith("it hasn't this row")
    assert story(app, "ventas", *KEY) == [("landed", PLACE), ("held back", PLACE)]
    moved = story(app, "ventas", "tienda_01", "000000000050", "1")
    assert ("held back", PLACE) not in moved
    write_stock(drops, "tienda_01", TICKS[0], [stock(f"{n:08d}", 5) for n in range(60)])
    write_stock(drops, "tienda_01", TICKS[1], [stock(f"{n:08d}", 7) for n in range(28)])
    load(app, Fact.INVENTARIO)
    assert [e[0] for e in story(app, "inventario_actual", "SUC001", "00000040")] == ["landed", "held back"]
    assert story(app, "inventario_actual", "SUC001", "00000099") == []


def test_a_product_that_facts_met_before_any_catalogue(app: App, drops: Path) -> None:
    sold(app, drops, DAY, sale(DAY, "000000000001", codigo_producto="00818981"))
    write_products(drops, [product("00818981", descripcion="Café")])
    read_and_land(app, Request(Fact.CATALOGO))
    bring_up(app, SinkName.DUCKDB)
    found = explain(app, "productos", ["00818981"])
    assert [(e.what, e.origin) for e in found.events] == [
        ("landed", "the map of locations, or products that facts met"),
        ("landed", "productos.csv"),
    ]
    assert [r["es_provisional"] for r in found.image] == [False]
    assert story(app, "productos", "never") == []
