"""Random small files, with everything that goes wrong in stores, against the slow rules."""

from datetime import date, datetime, timezone

from hypothesis import given, settings
from hypothesis import strategies as st

from fluxion_pipeline.contracts.outcomes import Answer, Fact
from fluxion_pipeline.locations import registry
from fluxion_pipeline.sources.archivos import ArchivosSource
from fluxion_pipeline_tests.sources.archivos import oracle
from fluxion_pipeline_tests.support import drops

DAY, TICK = "2025-11-24", "2025-11-24T0630"
READ_AT = datetime(2025, 11, 24, 15, tzinfo=timezone.utc)
LOCATIONS = registry.load()
STORE = LOCATIONS.find("tienda_02")

words = st.sampled_from(["", " ", "N/A", "nan", "null", "\\N", "x\x00", "é", "e\u0301", '5" PIPE', "a,b", "two\nlines", "two\r\nlines", "\ttab", "😀"])
codes = st.sampled_from(["1", "01", " 1", "A", "B", "N/A", 'q"q', "l\nl"])
decimals = st.sampled_from(["1", "1.0", "-2.5", "1E+2", "0.00005", "-0", "", "x", "1e15", "1,5", "+.5", "12345678901234.56785", "2e-5", "0" * 40 + "1"])
dates = st.sampled_from([DAY] * 6 + ["2025-11-23", "2025-02-30", "1999-01-01", "2030-01-01", "hoy", ""])
times = st.sampled_from(["10:30", "10:30:15", "23:59:59.9999999", "07:08:09.123456789012345", "24:00", "", "9:00"])
integers = st.sampled_from(["1", "2", "3", "01", "1.0", "", "-1", "99999999999"])

sale = st.tuples(codes, integers, dates, times, codes, words, words, decimals, decimals, decimals, decimals)
stock = st.tuples(codes, words, words, words, decimals)
mishap = st.sampled_from(["\n", "   \n", "a,b\n", ",,,,\n", ",,,,,,,,,,\n", '"",""\n', 'x,"y\ny",z\n', ",".join("z" * 20) + "\n"])


def record(fields):
    """A record, quoted where it must be (the csv module of Python 3.10 writes no U+0000)."""
    return ",".join('"' + f.replace('"', '""') + '"' if set(f) & set('",\r\n') or fields == (f,) else f for f in fields) + "\n"


def text_of(columns, parts, line_end, bom, last_newline):
    """A file of rows and mishaps."""
    whole = "".join(part if isinstance(part, str) else record(part) for part in (columns, *parts))
    text = whole.replace("\r\n", "\n").replace("\n", line_end)
    return ("\ufeff" if bom else "") + (text if last_newline else text.removesuffix(line_end))


def files(columns, row):
    parts = st.lists(st.one_of(row, row, row, mishap), max_size=12)
    return st.builds(text_of, st.just(columns), parts, st.sampled_from(["\n", "\r\n"]), st.booleans(), st.booleans())


def checked(reading, told, found):
    assert (reading.answer, reading.reason) == (Answer.ENTERA, None)
    assert found == told.rows
    assert set(reading.rejects.column("linea").to_pylist()) == told.rejected
    assert (reading.read, reading.repeated) == (told.read, told.repeated)
    assert reading.read == reading.rows.num_rows + reading.repeated + reading.rejects.num_rows


@settings(max_examples=40, deadline=None)
@given(files(drops.SALES_COLUMNS, sale))
def test_a_sales_file_is_what_the_slow_rules_say(tmp_path_factory, text):
    root = tmp_path_factory.mktemp("ventas")
    drops.write_raw(root, f"ventas/tienda_02/{DAY}.csv", text)
    reading = ArchivosSource(root, LOCATIONS).read(Fact.VENTAS, STORE, DAY, READ_AT)
    columns = (
        "numero_factura",
        "linea",
        "fecha_venta",
        "fecha_negocio",
        "producto_codigo",
        "cantidad",
        "precio_unitario",
        "descuento",
        "venta_total",
        "es_devolucion",
    )
    rows = {(r["numero_factura"], r["linea"]): tuple(r[c] for c in columns) for r in reading.rows.to_pylist()}
    checked(reading, oracle.sales(text, drops.SALES_COLUMNS, date(2025, 11, 24), date(2025, 11, 24)), rows)


@settings(max_examples=40, deadline=None)
@given(files(drops.STOCK_COLUMNS, stock))
def test_a_stock_file_is_what_the_slow_rules_say(tmp_path_factory, text):
    root = tmp_path_factory.mktemp("inventario")
    drops.write_raw(root, f"inventario/tienda_02/{TICK}.csv", text)
    reading = ArchivosSource(root, LOCATIONS).read(Fact.INVENTARIO, STORE, TICK, READ_AT)
    rows = {r["producto_codigo"]: (r["producto_codigo"], r["stock"]) for r in reading.rows.to_pylist()}
    checked(reading, oracle.stock(text, drops.STOCK_COLUMNS), rows)
