"""Each check passes where all is well, and fails, with numbers and a sample, where something was made wrong on purpose."""

from __future__ import annotations

from dataclasses import dataclass, field

import dagster as dg
import pytest

from fluxion_pipeline.contracts.outcomes import SinkName
from fluxion_pipeline.operations.checks import SAMPLE, table_of
from fluxion_pipeline_tests.support import drops
from fluxion_pipeline_tests.support.shop import DAYS, STORES, TICKS, Shop, write_drops

DUCK, PG = SinkName.DUCKDB, SinkName.POSTGRESQL
ERROR, WARN = dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN


@dataclass(frozen=True)
class Case:
    """A check, how to make it fail by hand in its sink, and what it must say then."""

    check: str
    spoil: tuple[str, ...]
    severity: dg.AssetCheckSeverity
    numbers: dict[str, int]
    sample: tuple[str, ...] = field(default=())

    @property
    def key(self) -> str:
        return self.check.split(": ")[0]

    @property
    def name(self) -> str:
        return self.check.split(": ")[1]


CASES = [
    Case("duckdb/productos: lotes_pendientes", ("DELETE FROM fluxion_meta WHERE clave = 'hasta:*'",), WARN, {"ubicaciones_pendientes": 1}, ("*",)),
    Case(
        "duckdb/inventario_actual: lotes_pendientes",
        ("DELETE FROM fluxion_meta WHERE clave = 'hasta:SUC001'",),
        WARN,
        {"ubicaciones_pendientes": 1},
        ("SUC001",),
    ),
    Case(
        "duckdb/ventas: lotes_pendientes",
        ("UPDATE fluxion_meta SET valor = '0' WHERE clave = 'hasta:SUC007'",),
        WARN,
        {"ubicaciones_pendientes": 1},
        ("SUC007",),
    ),
    Case(
        "duckdb/ventas: filas_cuadran",
        ("UPDATE cobertura SET leidas = 5 WHERE tabla = 'ventas' AND ubicacion_codigo = 'SUC001' AND corte = '2026-03-02'",),
        ERROR,
        {"slices_que_no_cuadran": 1},
        ("SUC001", "2026-03-02"),
    ),
    Case(
        "duckdb/inventario_actual: filas_cuadran",
        ("UPDATE cobertura SET retenidas = 1 WHERE tabla = 'inventario_actual' AND cargadas > 0",),
        ERROR,
        {"slices_que_no_cuadran": 6, "filas_leidas": 18},
        ("SUC001", TICKS[0]),
    ),
    Case(
        "duckdb/ventas: rechazos_usuales",
        ("UPDATE cobertura SET rechazadas = 3 WHERE tabla = 'ventas' AND cargadas > 0",),
        WARN,
        {"filas_rechazadas": 12},
        ("SUC007", "3"),
    ),
    Case(
        "duckdb/inventario_actual: rechazos_usuales",
        ("UPDATE cobertura SET rechazadas = 3 WHERE tabla = 'inventario_actual' AND ubicacion_codigo = 'CEDI01'",),
        WARN,
        {"lecturas_fuera_de_lo_usual": 2},
        ("CEDI01",),
    ),
    Case(
        "duckdb/inventario_actual: stock_negativo_usual",
        ("UPDATE inventario_actual SET stock = -1",),
        WARN,
        {"filas_negativas": 9, "ubicaciones_fuera_de_lo_usual": 3},
    ),
    Case(
        "duckdb/ventas: codigos_conocidos",
        ("UPDATE ventas SET producto_codigo = 'nunca|visto'",),
        ERROR,
        {"codigos_desconocidos": 1, "filas": 16},
        ("nunca\\|visto",),
    ),
    Case(
        "duckdb/inventario_actual: codigos_conocidos",
        ("DELETE FROM ubicaciones WHERE codigo = 'SUC001'",),
        ERROR,
        {"codigos_desconocidos": 1, "filas": 3},
        ("SUC001",),
    ),
    *(
        Case(f"duckdb/{table}: claves_unicas", (f"INSERT INTO {table} SELECT * FROM {table} LIMIT 1",), ERROR, {"claves_dobles": 1})
        for table in ("productos", "ubicaciones", "inventario_actual", "inventario_historico", "inventario_cortes", "ventas")
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.check)
def test_a_check_passes_on_good_data_and_fails_on_spoilt_data(case: Case, shop: Shop) -> None:
    assert shop.check(case.key, case.name).passed
    shop.tamper(DUCK, *case.spoil)
    found = shop.check(case.key, case.name)
    assert not found.passed
    assert found.severity is case.severity
    assert {name: found.metadata[name].value for name in case.numbers} == case.numbers
    sample = str(found.metadata["muestra"].value)
    assert sample.startswith("| ")
    assert [word for word in case.sample if word not in sample] == []


@pytest.mark.parametrize("fact", ["inventario", "ventas"])
def test_expected_locations_are_missed_by_name(fact: str, shop: Shop) -> None:
    key, name = {"inventario": "duckdb/inventario_actual", "ventas": "duckdb/ventas"}[fact], "ubicaciones_presentes"
    table, cut = key.split("/")[1], {"inventario": TICKS[-1], "ventas": DAYS[-1]}[fact]
    missing = shop.check(key, name)
    expected = missing.metadata["esperadas"].value
    assert isinstance(expected, int)
    assert (missing.passed, missing.metadata["ausentes"].value) == (False, expected - {"inventario": 3, "ventas": 2}[fact])
    assert "SUC001" not in str(missing.metadata["muestra"].value)
    assert "Mañongo" in str(missing.metadata["muestra"].value)
    shop.tamper(DUCK, f"UPDATE cobertura SET resultado = 'completo' WHERE tabla = '{table}' AND corte = '{cut}'")
    assert shop.check(key, name).passed


@pytest.mark.parametrize("fact", ["inventario", "ventas"])
def test_a_folder_of_no_known_location_is_told(fact: str, shop: Shop) -> None:
    assert shop.check(f"lotes/{fact}", "ubicaciones_conocidas").passed
    drops.write_stock(shop.root, "tienda_99", TICKS[0], [drops.stock()])
    drops.write_sales(shop.root, "tienda_99", DAYS[0], [drops.sale(DAYS[0])])
    shop.run(fact)
    found = shop.check(f"lotes/{fact}", "ubicaciones_conocidas")
    assert not found.passed
    assert found.severity is WARN
    assert found.metadata["carpetas"].value == found.metadata["filas"].value == 1
    assert "tienda_99" in str(found.description)


@pytest.mark.parametrize(("fact", "broken"), [("inventario", f"inventario/{STORES[0]}/2026-03-02T0700.csv"), ("ventas", f"ventas/{STORES[0]}/2026-03-04.csv")])
def test_a_reading_that_failed_is_told(fact: str, broken: str, shop: Shop) -> None:
    assert shop.check(f"lotes/{fact}", "lecturas_logradas").passed
    drops.write_raw(shop.root, broken, b"\xff\xfe")
    shop.run(fact)
    found = shop.check(f"lotes/{fact}", "lecturas_logradas")
    assert not found.passed
    assert (found.severity, found.metadata["lecturas_fallidas"].value, found.metadata["ubicaciones"].value) == (ERROR, 1, 1)
    assert "SUC001" in str(found.description)
    assert broken.rsplit("/", 1)[1] in str(found.metadata["muestra"].value)


def test_of_stock_only_the_newest_tick_counts_since_an_older_one_cannot_be_had_any_more(shop: Shop) -> None:
    drops.write_raw(shop.root, f"inventario/{STORES[0]}/2026-03-02T0700.csv", b"\xff")
    drops.write_stock(shop.root, STORES[0], "2026-03-02T0730", [drops.stock(amount=n) for n in (3,)])
    shop.run("inventario")
    assert shop.check("lotes/inventario", "lecturas_logradas").passed


def test_parity_tells_an_altered_a_lost_and_an_added_row(dual: Shop) -> None:
    assert dual.check("postgresql/inventario_actual", "paridad").passed
    dual.tamper(
        PG,
        "UPDATE inventario_actual SET stock = stock + 1 WHERE ubicacion_codigo = 'SUC001' AND producto_codigo = '00818980'",
        "DELETE FROM inventario_actual WHERE ubicacion_codigo = 'SUC007' AND producto_codigo = '00818981'",
        "INSERT INTO inventario_actual (ubicacion_codigo, almacen_codigo, producto_codigo, stock) VALUES ('CEDI01', 'x', 'de mano', 1)",
    )
    found = dual.check("postgresql/inventario_actual", "paridad")
    assert not found.passed
    assert found.severity is ERROR
    expected = {
        "veredicto": "diferente",
        "cambiadas": 1,
        "faltan_en_postgresql": 1,
        "sobran_en_postgresql": 1,
        "duplicadas": 0,
        "filas_duckdb": 9,
        "filas_postgresql": 9,
    }
    assert {name: found.metadata[name].value for name in expected} == expected
    for word in ("00818980", "00818981", "de mano"):
        assert word in str(found.metadata["muestra"].value)


@pytest.mark.parametrize("table", ["productos", "ubicaciones", "inventario_historico", "inventario_cortes", "ventas"])
def test_parity_of_every_table_passes_and_fails(table: str, dual: Shop) -> None:
    assert dual.check(f"postgresql/{table}", "paridad").passed
    dual.tamper(DUCK, f"DELETE FROM {table} WHERE rowid = (SELECT min(rowid) FROM {table})")
    found = dual.check(f"postgresql/{table}", "paridad")
    assert (found.passed, found.metadata["sobran_en_postgresql"].value) == (False, 1)


def test_in_postgresql_a_line_that_stands_on_two_days_is_told(dual: Shop) -> None:
    assert dual.check("postgresql/ventas", "claves_unicas").passed
    columns = [str(c) for (c,) in dual.rows(PG, "SELECT column_name FROM information_schema.columns WHERE table_name = 'ventas'")]
    moved = ", ".join("DATE '2026-03-09'" if c == "fecha_negocio" else c for c in columns)
    dual.tamper(
        PG,
        "SELECT fluxion_asegurar_particiones('ventas', '2026-03-01', '2026-03-31')",
        f"INSERT INTO ventas ({', '.join(columns)}) SELECT {moved} FROM ventas LIMIT 1",
    )
    found = dual.check("postgresql/ventas", "claves_unicas")
    assert (found.passed, found.metadata["claves_dobles"].value) == (False, 1)


def test_in_postgresql_a_primary_key_that_is_gone_is_told(dual: Shop) -> None:
    assert dual.check("postgresql/inventario_actual", "claves_unicas").passed
    ((name,),) = dual.rows(PG, "SELECT conname FROM pg_constraint WHERE conrelid = 'inventario_actual'::regclass AND contype = 'p'")
    dual.tamper(PG, f'ALTER TABLE inventario_actual DROP CONSTRAINT "{name}"')
    found = dual.check("postgresql/inventario_actual", "claves_unicas")
    assert not found.passed
    assert "no valid primary key" in str(found.description)


def test_a_sink_that_cannot_be_asked_is_a_warning_that_says_so(shop: Shop) -> None:
    shop.settings.duckdb_file.rename(shop.settings.home / "moved away")
    found = shop.check("duckdb/ventas", "claves_unicas")
    assert (found.passed, found.severity) == (False, WARN)
    assert str(found.description).startswith("could not be told: ")
    assert "fluxion init" in str(found.description)


def test_one_step_asks_all_questions_about_a_sink_at_once(shop: Shop) -> None:
    steps = {str(e.step_key) for e in shop.run("inventario").all_events if e.is_step_success}
    assert steps == {"lotes__inventario", "duckdb_inventario", "comprobar_lotes_inventario", "comprobar_duckdb_inventario", "paridad_inventario"}


def test_a_sample_is_bounded_and_says_how_much_more_there_is() -> None:
    text = table_of(("a", "b"), [(n, "x|y\nz") for n in range(SAMPLE + 5)])
    assert text.splitlines()[2] == "| 0 | x\\|y z |"
    assert len([line for line in text.splitlines() if line.startswith("| ")]) == SAMPLE + 1
    assert text.endswith("… and 5 more")
    assert table_of(("a",), []) == ""


def test_the_drops_of_these_tests_have_nothing_wrong_in_them(shop: Shop) -> None:
    write_drops(shop.root)
    assert shop.rows(DUCK, "SELECT count(*) FROM rechazos") == [(0,)]
