"""Convergence, the same on both engines: whatever a sink holds, it ends with the newest images, by their changes alone."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from fluxion_pipeline.contracts.outcomes import Answer, Provenance, SinkName
from fluxion_pipeline.contracts.tables import LANDED_TABLES
from fluxion_pipeline.locations.registry import Registry
from fluxion_pipeline.sinks.protocol import Counts
from fluxion_pipeline_tests.support.home import DAY, NEXT, TICK, Home, two_stores
from fluxion_pipeline_tests.support.readings import catalogue, invoices, rejects, sales, stock

LARGEST = Decimal("99999999999999.9999")
HOSTILE = [
    "",
    "\\N",
    "NULL",
    "a,b",
    'say "hi"',
    '"',
    "it's",
    "\\",
    "\\\\.",
    "tab\tx",
    "cr\rx",
    "crlf\r\nx",
    "two\n\\.\nlines",
    "cr\r\\.",
    "\\.",
    "\n",
    "é",
    "e\u0301",
]
HOSTILE += ["🛒", "漢字", "\u200b", "\u2028", "\ufeff", "%s %(x)s {0} $1 ?", "'; DROP TABLE ventas; --", "x" * 100_000]


def versions(home: Home, table: str) -> set[tuple[object, ...]]:
    """Where each row lies and which transaction wrote it: untouched rows keep both."""
    return set(home.run(SinkName.POSTGRESQL, f"SELECT tableoid, ctid::text, xmin::text FROM {table}"))


def test_a_fresh_sink_gets_every_row_and_says_how_many(home: Home, engine: SinkName) -> None:
    two_stores(home)
    report = home.converge(engine)
    home.assert_equal(engine)
    assert report.of("ventas") == Counts(inserted=14)
    assert report.of("inventario_actual") == Counts(inserted=3)
    assert report.of("inventario_historico") == Counts(inserted=3 + 2 + 1)  # a keyframe, a change and a baja, a keyframe
    assert (report.of("inventario_cortes").inserted, report.of("rechazos").inserted, report.of("cobertura").inserted) == (3, 2, 6)
    ledger = home.run(engine, "SELECT tabla, slice, version, filas FROM lotes_aplicados WHERE tabla = 'ventas' ORDER BY slice")
    assert ledger == [("ventas", f"SUC001/{DAY}", 1, 10), ("ventas", f"SUC007/{DAY}", 1, 4)]
    assert home.run(engine, "SELECT sum(insertadas) FROM lotes_registro WHERE tabla = 'ventas'") == [(14,)]


def test_nothing_owed_writes_nothing(home: Home, engine: SinkName) -> None:
    two_stores(home)
    home.converge(engine)
    log = home.run(engine, "SELECT count(*) FROM lotes_registro")
    before = {t: versions(home, t) for t in (*LANDED_TABLES, "lotes_aplicados", "fluxion_meta")} if engine is SinkName.POSTGRESQL else None
    assert home.converge(engine).receipts == ()
    assert home.run(engine, "SELECT count(*) FROM lotes_registro") == log
    if before:
        assert before == {t: versions(home, t) for t in before}


def test_forced_but_equal_slices_are_compared_and_not_written(home: Home, engine: SinkName) -> None:
    two_stores(home)
    home.converge(engine)
    before = {t: versions(home, t) for t in LANDED_TABLES}
    report = home.converge(engine, force={t: None for t in LANDED_TABLES})
    assert sum(r.counts.written for r in report.receipts) == 0
    assert report.of("ventas") == Counts(unchanged=14)
    assert before == {t: versions(home, t) for t in LANDED_TABLES}


def test_only_changes_are_written_and_counted(home: Home, engine: SinkName) -> None:
    two_stores(home)
    home.converge(engine)
    before = versions(home, "ventas")
    changed = [*invoices(*range(2, 10)), *invoices(10, 11, 12), {"numero_factura": "00000000", "venta_total": Decimal("9.99"), "unidad": "kg"}]
    home.land(sales("SUC001", DAY, changed, 1))
    assert home.converge(engine).of("ventas") == Counts(inserted=3, changed=1, deleted=1, unchanged=8)
    home.assert_equal(engine)
    if engine is SinkName.POSTGRESQL:
        assert len(before & versions(home, "ventas")) == 8 + 4


def test_images_between_are_skipped_and_the_order_of_locations_does_not_matter(home: Home, engine: SinkName) -> None:
    two_stores(home)
    home.converge(engine, "SUC007")
    for minute in range(1, 6):
        home.land(sales("SUC001", DAY, invoices(*range(minute, 12)), minute), stock("SUC007", f"2025-11-24T1{minute}00", {"000001": minute}))
    home.converge(engine, "SUC001", "*")
    assert home.run(engine, "SELECT version FROM lotes_aplicados WHERE tabla = 'ventas' AND ubicacion = 'SUC001'") == [(8,)]
    home.converge(engine)
    home.assert_equal(engine)


def test_a_key_that_moves_to_another_day_is_never_there_twice(home: Home, engine: SinkName) -> None:
    home.land(sales("SUC001", DAY, invoices(1, 2, 3)))
    home.converge(engine)
    home.land(sales("SUC001", "2025-11-24", invoices(3, 4), 1))
    home.converge(engine)
    home.assert_equal(engine)
    assert home.run(engine, "SELECT count(*), count(DISTINCT numero_factura) FROM ventas") == [(4, 4)]
    home.land(sales("SUC001", "2025-11-24", invoices(4), 2))
    home.converge(engine)
    assert home.run(engine, "SELECT CAST(fecha_negocio AS VARCHAR) FROM ventas WHERE numero_factura = '00000003'") == [(DAY,)]


EDITS = {
    "an update": "UPDATE ventas SET venta_total = 7777 WHERE ubicacion_codigo = 'SUC001' AND numero_factura = '00000003'",
    "an update to NULL": "UPDATE productos SET iva = NULL WHERE codigo = '000002'",
    "a delete": "DELETE FROM ventas WHERE ubicacion_codigo = 'SUC001' AND numero_factura = '00000004'",
    "everything gone": "DELETE FROM inventario_historico",
    "an insert": "INSERT INTO inventario_actual (ubicacion_codigo, almacen_codigo, producto_codigo, stock) VALUES ('SUC001', 'x', '1', 1)",
    "a row off the minute": "INSERT INTO inventario_historico (ubicacion_codigo, almacen_codigo, producto_codigo, capturado_en, stock, movimiento)"
    " SELECT ubicacion_codigo, almacen_codigo, producto_codigo, capturado_en + INTERVAL '59 seconds', stock, movimiento FROM inventario_historico",
    "a wrong tick": "UPDATE inventario_cortes SET filas = 99",
    "a reject gone": "DELETE FROM rechazos WHERE id = 'r1'",
    "a reject moved": "UPDATE rechazos SET corte = '1999-01-01' WHERE id = 'r2'",
    "a lie in the coverage": "UPDATE cobertura SET cargadas = 0, resultado = 'vacio'",
    "a location renamed": "UPDATE ubicaciones SET nombre = 'x', klk_almacen = NULL WHERE codigo = 'SUC001'",
}


def test_every_edit_behind_the_back_is_healed_by_force(home: Home, engine: SinkName) -> None:
    two_stores(home)
    home.converge(engine)
    for edit, sql in EDITS.items():
        home.run(engine, sql)
        (table,) = [t for t in LANDED_TABLES if f" {t}" in sql.partition("(")[0]]
        assert home.held(engine, table) != home.wanted(table), edit
        report = home.converge(engine, force={table: None})
        assert report.of(table).written, edit
        assert home.held(engine, table) == home.wanted(table), edit
    home.assert_equal(engine)


def test_edits_are_healed_by_the_next_lote_of_their_slice(home: Home, engine: SinkName) -> None:
    two_stores(home)
    home.converge(engine)
    for sql in EDITS.values():
        if " ventas" in sql or "inventario_actual" in sql:
            home.run(engine, sql)
    home.land(sales("SUC001", DAY, invoices(*range(11)), 5), stock("SUC001", "2025-11-24T0730", {"000001": 6, "000002": 7}, 5))
    report = home.converge(engine)
    home.assert_equal(engine)
    assert report.of("ventas") == Counts(inserted=2, changed=1, unchanged=8)
    assert report.of("inventario_actual") == Counts(changed=1, deleted=1, unchanged=1)


def test_rows_that_stand_twice_are_made_single_and_counted(home: Home) -> None:
    two_stores(home)
    home.converge(SinkName.DUCKDB)
    for table in ("ventas", "inventario_actual", "inventario_historico", "productos"):
        home.run(SinkName.DUCKDB, f"INSERT INTO {table} SELECT * FROM {table}")
    home.run(SinkName.DUCKDB, "INSERT INTO ventas SELECT * REPLACE (5 AS venta_total) FROM ventas WHERE numero_factura = '00000001' LIMIT 1")
    report = home.converge(SinkName.DUCKDB, force={t: None for t in LANDED_TABLES})
    home.assert_equal(SinkName.DUCKDB)
    assert report.of("productos") == Counts(inserted=5, deleted=10)
    assert report.of("ventas") == Counts(inserted=14, deleted=29)


def test_rows_in_a_slice_that_nobody_landed_go_when_it_is_named(home: Home, engine: SinkName) -> None:
    two_stores(home)
    home.converge(engine)
    if engine is SinkName.POSTGRESQL:
        home.run(engine, "SELECT fluxion_asegurar_particiones('ventas', '2019-01-01', '2019-01-01')")
    copied = "ubicacion_codigo, fecha_negocio, numero_factura, linea, fecha_venta, producto_codigo, cantidad, venta_total, es_devolucion"
    home.run(
        engine, f"INSERT INTO ventas ({copied}) SELECT 'SUC099', DATE '2019-01-01', {copied.split(', ', 2)[2]} FROM ventas WHERE ubicacion_codigo = 'SUC007'"
    )
    assert home.converge(engine, force={"ventas": {"SUC099/2019-01-01"}}).of("ventas") == Counts(deleted=4)
    home.assert_equal(engine)


def test_unique_values_may_be_swapped(home: Home, engine: SinkName) -> None:
    one, two = home.app.registry.find("SUC001"), home.app.registry.find("SUC007")
    turned = {one: replace(one, id=two.id, codigo_etl=two.codigo_etl), two: replace(two, id=one.id, codigo_etl=one.codigo_etl)}
    home.outbox.land_locations(Registry([turned.get(x, x) for x in home.app.registry]))
    assert home.converge(engine).of("ubicaciones") == Counts(changed=2, unchanged=21)
    home.assert_equal(engine)
    assert home.run(engine, "SELECT id, codigo_etl FROM ubicaciones WHERE codigo = 'SUC001'") == [(two.id, two.codigo_etl)]


def test_hostile_text_arrives_as_it_is_inserted_updated_and_deleted(home: Home, engine: SinkName) -> None:
    keys = [f"{n:03d}{text[:200]}" for n, text in enumerate(HOSTILE)]
    home.land(
        catalogue([{"codigo": k, "descripcion": t, "marca": t or None} for k, t in zip(keys, HOSTILE, strict=True)]),
        sales("SUC001", DAY, [{"numero_factura": k, "producto_codigo": k, "unidad": t} for k, t in zip(keys, HOSTILE, strict=True)]),
        stock("SUC001", TICK, {k: 1 for k in keys}),
    )
    home.converge(engine)
    home.assert_equal(engine)
    assert set(home.run(engine, "SELECT codigo, descripcion FROM productos")) == set(zip(keys, HOSTILE, strict=True))
    turned = HOSTILE[1:] + HOSTILE[:1]
    home.land(
        catalogue([{"codigo": k, "descripcion": t} for k, t in zip(keys, turned, strict=True)], 1),
        sales("SUC001", DAY, [{"numero_factura": k, "producto_codigo": k, "unidad": t} for k, t in zip(keys[::2], turned[::2], strict=True)], 1),
        stock("SUC001", TICK, {k: 2 for k in keys[1::2]}, 1),
    )
    report = home.converge(engine)
    home.assert_equal(engine)
    assert report.of("productos").changed == len(HOSTILE)
    assert (report.of("ventas").deleted, report.of("ventas").changed) == (len(keys) // 2, len(keys) // 2)
    home.converge(engine, force={t: None for t in LANDED_TABLES})
    home.assert_equal(engine)


def test_decimals_at_their_limits_and_dates_decades_apart_arrive_exactly(home: Home, engine: SinkName) -> None:
    limits = [LARGEST, -LARGEST, Decimal("0.0001"), Decimal("-0.0001"), Decimal(0), Decimal("12345678901234.5678")]
    for n, day in enumerate(("2000-01-01", "2012-02-29", "2025-11-23", "2025-12-31", "2099-12-31")):
        home.land(sales("SUC001", day, [{"numero_factura": f"{n}-{i}", "cantidad": v, "venta_total": v, "tasa_usd": v} for i, v in enumerate(limits)]))
    home.land(stock("SUC001", "2001-01-31T2330", {str(i): v for i, v in enumerate(limits)}), stock("SUC001", "2044-01-01T0000", {"0": LARGEST}))
    home.converge(engine)
    home.assert_equal(engine)
    assert home.run(engine, "SELECT count(*), max(venta_total), min(venta_total) FROM ventas") == [(30, LARGEST, -LARGEST)]


def test_images_without_rows_empty_their_slices(home: Home, engine: SinkName) -> None:
    two_stores(home)
    home.land(sales("SUC001", "2025-11-22", []))
    home.converge(engine)
    home.land(
        sales("SUC001", DAY, [], 2, provenance=Provenance.ACCEPT),
        stock("SUC001", TICK, {}, 2, provenance=Provenance.ACCEPT),
        stock("SUC001", NEXT, {}, 3, provenance=Provenance.ACCEPT),
    )
    report = home.converge(engine)
    home.assert_equal(engine)
    assert (report.of("ventas"), report.of("inventario_actual")) == (Counts(deleted=10), Counts(deleted=2))
    assert home.run(engine, "SELECT count(*) FROM ventas WHERE ubicacion_codigo = 'SUC001'") == [(0,)]
    assert home.run(engine, "SELECT count(*) FROM inventario_cortes WHERE ubicacion_codigo = 'SUC001'") == [(2,)]


def test_rejects_follow_their_reading(home: Home, engine: SinkName) -> None:
    two_stores(home)
    home.converge(engine)
    home.land(sales("SUC001", DAY, invoices(*range(10)), 1, rejects=rejects({"id": "r2"}, {"id": "r3", "fila": '{"a": "\\\\N\\n\\\\."}'})))
    home.converge(engine)
    home.assert_equal(engine)
    assert sorted(home.run(engine, "SELECT id FROM rechazos")) == [("r2",), ("r3",)]


def test_attempts_are_counted_also_in_a_sink_that_was_away_meanwhile(home: Home) -> None:
    two_stores(home)
    home.converge(SinkName.DUCKDB)
    told = home.land(*(sales("SUC007", DAY, invoices(*range(4)), minute, seconds=minute / 4) for minute in (1, 2, 3)))
    assert not any(x.new for x in told)
    home.land(sales("SUC001", DAY, [], 4, answer=Answer.INALCANZABLE, reason="no answer"))
    line = "SELECT intentos, ultimo_resultado, motivo, resultado, cargadas, segundos, ultimo_intento = verificado_en, verificado_en > leido_en FROM cobertura"
    for sink in SinkName:
        home.converge(sink)
        home.assert_equal(sink)
        assert home.run(sink, f"{line} WHERE tabla = 'ventas' AND ubicacion_codigo = 'SUC007'") == [(4, "completo", None, "completo", 4, 0.75, True, True)]
        assert home.run(sink, f"{line} WHERE tabla = 'ventas' AND ubicacion_codigo = 'SUC001'") == [
            (2, "inalcanzable", "no answer", "completo", 10, 0.5, False, False)
        ]
