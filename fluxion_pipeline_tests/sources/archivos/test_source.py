"""Readings of the source archivos: how it answers, and what it gives."""

import gzip
import hashlib
import json
import threading
from datetime import datetime, timezone
from decimal import Decimal

import pytest

from fluxion_pipeline.contracts.outcomes import Answer, Fact
from fluxion_pipeline.locations import registry
from fluxion_pipeline.sources.archivos import ArchivosSource
from fluxion_pipeline.sources.protocol import REJECT_SCHEMA, Source, row_schema
from fluxion_pipeline_tests.support import drops

LOCATIONS = registry.load()
STORE = LOCATIONS.find("tienda_02")
DAY, TICK = "2025-11-24", "2025-11-24T0630"
READ_AT = datetime(2025, 11, 25, 3, tzinfo=timezone.utc)


@pytest.fixture
def source(tmp_path) -> Source:
    return ArchivosSource(tmp_path, LOCATIONS)


def sales(source, read_at=READ_AT):
    return source.read(Fact.VENTAS, STORE, DAY, read_at)


def stock(source, tick=TICK):
    return source.read(Fact.INVENTARIO, STORE, tick, READ_AT)


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".parquet"])
def test_the_three_kinds_of_files_say_the_same(source, tmp_path, suffix):
    path = drops.write_sales(tmp_path, "tienda_02", DAY, [drops.sale(DAY), drops.sale(DAY, line=2, cantidad="-1"), drops.sale(DAY, line="x")], suffix)
    reading = sales(source)
    assert (reading.answer, reading.reason, reading.location, reading.cut, reading.read_at) == (Answer.ENTERA, None, "SUC007", DAY, READ_AT)
    assert (reading.read, reading.rows.num_rows, reading.repeated, reading.rejects.num_rows) == (3, 2, 0, 1)
    assert (reading.rows.schema, reading.rejects.schema) == (row_schema(Fact.VENTAS), REJECT_SCHEMA)
    assert reading.rows.column("ubicacion_codigo").to_pylist() == ["SUC007", "SUC007"]
    assert [reading.origin] == reading.rejects.column("origen").to_pylist() == [f"ventas/tienda_02/{DAY}{suffix}"]
    assert reading.source_digest == source.digest(Fact.VENTAS, STORE, DAY) == hashlib.sha256(path.read_bytes()).hexdigest()
    assert reading.met.num_rows == 1
    assert reading.seconds > 0


def test_stock_is_of_the_locations_own_warehouse(source, tmp_path):
    drops.write_stock(tmp_path, "tienda_02", TICK, [drops.stock("A", "-1.5")])
    (row,) = stock(source).rows.to_pylist()
    assert row == {"ubicacion_codigo": "SUC007", "almacen_codigo": "SUC007", "producto_codigo": "A", "stock": Decimal("-1.5"), "precio": None, "costo": None}


def test_the_catalogue_is_read_whole(source, tmp_path):
    drops.write_products(tmp_path, [drops.product("A", marca="N/A"), drops.product("B")])
    reading = source.catalogue(READ_AT)
    assert (reading.fact, reading.location, reading.cut, reading.origin, reading.met) == (Fact.CATALOGO, "*", "*", "productos.csv", None)
    assert reading.rows.column("marca").to_pylist() == [None, "National"]
    assert source.digest(Fact.CATALOGO, STORE, "*") == reading.source_digest


def test_a_row_without_its_columns_is_a_reject_with_its_line_and_text(source, tmp_path):
    text = drops.csv_text([drops.stock("A")], drops.STOCK_COLUMNS) + '"B,\n6"\nC,,,,3\n'
    drops.write_raw(tmp_path, f"inventario/tienda_02/{TICK}.csv", text)
    reading = stock(source)
    (reject,) = reading.rejects.to_pylist()
    assert (reject["linea"], reject["campo"], reject["clave"], reject["motivo"]) == (3, None, None, "5 columns were expected, 1 found")
    assert json.loads(reject["fila"]) == '"B,\n6"'
    assert reading.rows.column("producto_codigo").to_pylist() == ["A", "C"]


def test_a_missing_file_is_sin_dato(source):
    reading = sales(source)
    assert (reading.answer, reading.source_digest, reading.rows.num_rows) == (Answer.SIN_DATO, None, 0)
    assert source.digest(Fact.VENTAS, STORE, DAY) is None
    assert source.catalogue(READ_AT).answer is Answer.SIN_DATO


def test_a_header_without_rows_is_whole(source, tmp_path):
    drops.write_sales(tmp_path, "tienda_02", DAY, [])
    reading = sales(source)
    assert (reading.answer, reading.read, reading.rows.num_rows, reading.source_digest is None) == (Answer.ENTERA, 0, 0, False)


def test_a_file_that_cannot_be_read_is_inalcanzable(source, tmp_path):
    folder = tmp_path / "ventas/tienda_02"
    folder.mkdir(parents=True)
    (folder / f"{DAY}.csv").symlink_to(f"{DAY}.csv")
    reading = sales(source)
    assert reading.answer is Answer.INALCANZABLE
    assert f"ventas/tienda_02/{DAY} can't be read" in reading.reason
    assert source.cuts(Fact.VENTAS, STORE) == (DAY,)


def test_a_folder_that_has_gone_is_inalcanzable_and_not_sin_dato(tmp_path):
    source = ArchivosSource(tmp_path / "unmounted", LOCATIONS)
    assert sales(source).answer is Answer.INALCANZABLE


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        (f"{DAY}.csv", b"", "zero bytes"),
        (f"{DAY}.csv.gz", b"", "zero bytes"),
        (f"{DAY}.csv.gz", gzip.compress(b"", mtime=0), "zero bytes"),
        (f"{DAY}.csv.gz", gzip.compress(b"x" * 1000, mtime=0)[:-9], "the gzip file is corrupt"),
        (f"{DAY}.csv.gz", b"numero_factura", "the gzip file is corrupt"),
        (f"{DAY}.parquet", b"PAR1", "Parquet file can't be read"),
        (f"{DAY}.csv", b"numero_factura,linea\n1,2\n", "missing column fecha, hora"),
        (f"{DAY}.csv", drops.encoded([drops.sale(DAY)], drops.SALES_COLUMNS, ".csv") + b'"', "the quote that opens in line 3 is never closed"),
        (f"{DAY}.csv", drops.encoded([drops.sale(DAY)], drops.SALES_COLUMNS, ".csv") + b"\xff", "is not UTF-8"),
    ],
)
def test_a_file_that_cannot_be_believed_is_parcial_and_named(source, tmp_path, name, data, reason):
    drops.write_raw(tmp_path, f"ventas/tienda_02/{name}", data)
    reading = sales(source)
    assert (reading.answer, reading.rows.num_rows, reading.rejects.num_rows, reading.read) == (Answer.PARCIAL, 0, 0, 0)
    assert reading.reason.startswith(f"ventas/tienda_02/{name}: ")
    assert reason in reading.reason
    assert reading.source_digest == hashlib.sha256(data).hexdigest() == source.digest(Fact.VENTAS, STORE, DAY)


def test_two_files_of_one_slice_are_parcial_and_both_named(source, tmp_path):
    drops.write_sales(tmp_path, "tienda_02", DAY, [drops.sale(DAY)])
    second = drops.write_sales(tmp_path, "tienda_02", DAY, [drops.sale(DAY)], ".csv.gz")
    reading = sales(source)
    assert reading.answer is Answer.PARCIAL
    assert reading.reason == f"two files for one slice: ventas/tienda_02/{DAY}.csv and ventas/tienda_02/{DAY}.csv.gz"
    assert reading.source_digest == source.digest(Fact.VENTAS, STORE, DAY)
    assert source.cuts(Fact.VENTAS, STORE) == (DAY,)
    second.unlink()
    assert sales(source).answer is Answer.ENTERA


def test_other_columns_are_ignored_and_named_also_when_the_contract_has_them(source, tmp_path):
    columns = (*drops.STOCK_COLUMNS, "precio")
    drops.write_stock(tmp_path, "tienda_02", TICK, [{**drops.stock("A"), "precio": "not looked at"}], columns=columns)
    reading = stock(source)
    assert reading.warnings == ("ignored columns: precio",)
    assert reading.rows.column("precio").to_pylist() == [None]


def test_the_readings_clock_decides_what_is_after_tomorrow(source, tmp_path):
    drops.write_sales(tmp_path, "tienda_02", DAY, [drops.sale(DAY)])
    assert sales(source, datetime(2025, 11, 23, 5, tzinfo=timezone.utc)).rows.num_rows == 1
    late = sales(source, datetime(2025, 11, 23, 3, 59, tzinfo=timezone.utc))
    assert late.rejects.column("motivo").to_pylist() == ["fecha is after tomorrow (2025-11-23)"]


def test_stock_of_a_day_that_cannot_be_is_parcial(source, tmp_path):
    for tick in ("2025-11-26T0000", "2099-01-01T0630", "1999-12-31T0630"):
        drops.write_stock(tmp_path, "tienda_02", tick, [drops.stock()])
        assert stock(source, tick).answer is Answer.PARCIAL
    drops.write_stock(tmp_path, "tienda_02", "2025-11-25T2330", [drops.stock()])
    assert stock(source, "2025-11-25T2330").answer is Answer.ENTERA


def test_the_same_invoice_in_two_stores_is_two_invoices(source, tmp_path):
    for etl in ("tienda_01", "tienda_02"):
        drops.write_sales(tmp_path, etl, DAY, [drops.sale(DAY, "F1")])
    rows = [source.read(Fact.VENTAS, LOCATIONS.find(etl), DAY, READ_AT).rows.to_pylist()[0] for etl in ("tienda_01", "tienda_02")]
    assert [(r["ubicacion_codigo"], r["numero_factura"]) for r in rows] == [("SUC001", "F1"), ("SUC007", "F1")]


def test_hostile_text_reaches_the_rows_untouched(source, tmp_path):
    names = ['q"uote', "back\\slash", "tab\tin", "line\nbreak", "line\r\nbreak", "😀", "é", "e\u0301", "\\N", "NULL", "a,b", "'; DROP TABLE ventas; --"]
    drops.write_sales(tmp_path, "tienda_02", DAY, [drops.sale(DAY, name, descripcion_producto="x" * 1_000_000) for name in names])
    reading = sales(source)
    assert reading.rows.column("numero_factura").to_pylist() == [n for n in names if n != "NULL"]
    assert reading.rejects.column("linea").to_pylist() == [13]


def test_a_hundred_thousand_rows_of_garbage_are_a_hundred_thousand_rejects(source, tmp_path):
    rows = "".join(f"{i},{'x' * (i % 7)},,?,1e{i}" + "\n" * (1 + i % 2) for i in range(50_000))
    drops.write_raw(tmp_path, f"inventario/tienda_02/{TICK}.csv", drops.csv_text([], drops.STOCK_COLUMNS) + rows + "garbage\n" * 50_000)
    reading = stock(source)
    assert (reading.answer, reading.read) == (Answer.ENTERA, 100_000)
    assert reading.rows.num_rows == 14
    assert len(set(reading.rejects.column("id").to_pylist())) == reading.rejects.num_rows == 99_986


def test_many_threads_read_side_by_side(source, tmp_path):
    for location in LOCATIONS.active:
        drops.write_stock(tmp_path, location.codigo_etl, TICK, [drops.stock(location.id)] + [drops.stock(f"P{i}", i) for i in range(200)])
    found = {}

    def read(location):
        found[location.codigo] = source.read(Fact.INVENTARIO, location, TICK, READ_AT)

    threads = [threading.Thread(target=read, args=(x,)) for x in LOCATIONS.active]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {code: reading.rows.column("producto_codigo")[0].as_py() for code, reading in found.items()} == {x.codigo: x.id for x in LOCATIONS.active}
    assert all(set(r.rows.column("ubicacion_codigo").to_pylist()) == {code} for code, r in found.items())
