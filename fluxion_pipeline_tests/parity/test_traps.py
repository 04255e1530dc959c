"""Each trap of comparing two engines, by name: equal where it must be equal, different where it must differ."""

from __future__ import annotations

from decimal import Decimal

import pytest

from fluxion_pipeline.contracts.outcomes import Verdict
from fluxion_pipeline.parity.prove import prove
from fluxion_pipeline.parity.report import Level, TableParity
from fluxion_pipeline_tests.parity.both import Both, random_rows

COMPARED = [Level.VALUES, Level.DIGEST]
pytestmark = pytest.mark.parametrize("level", COMPARED)


def product(both: Both, level: Level, duckdb: str, postgresql: str) -> TableParity:
    """One product, with a description of its own in each engine (SQL literals)."""
    both.duck(f"INSERT INTO productos (codigo, descripcion, es_provisional) VALUES ('1', {duckdb}, false)")
    both.pg(f"INSERT INTO productos (codigo, descripcion, es_provisional) VALUES ('1', {postgresql}, false)")
    return prove(both.settings, ["productos"], level).tables[0]


def stock(both: Both, level: Level) -> TableParity:
    return prove(both.settings, ["inventario_actual"], level).tables[0]


def test_an_empty_text_is_not_null(both: Both, level: Level) -> None:
    found = product(both, level, "''", "NULL")
    assert (found.verdict, found.changed) == (Verdict.DIFERENTE, 1)
    assert (found.sample[0].duckdb or {})["descripcion"] == ""
    assert (found.sample[0].postgresql or {})["descripcion"] is None


def test_a_text_that_is_backslash_n_is_not_null(both: Both, level: Level) -> None:
    assert product(both, level, r"'\N'", "NULL").changed == 1
    both.pg(r"UPDATE productos SET descripcion = '\N'")
    assert prove(both.settings, ["productos"], level).verdict is Verdict.IGUAL


def test_composed_and_decomposed_accents_are_different_texts(both: Both, level: Level) -> None:
    assert product(both, level, "'caf\u00e9'", "'cafe\u0301'").changed == 1


def test_trailing_spaces_count(both: Both, level: Level) -> None:
    assert product(both, level, "'a'", "'a '").changed == 1


def test_case_and_collation_count(both: Both, level: Level) -> None:
    both.pg('ALTER TABLE productos ALTER descripcion TYPE text COLLATE "C"')
    assert product(both, level, "'ABC'", "'abc'").changed == 1


def test_a_separator_inside_texts_does_not_make_two_rows_one(both: Both, level: Level) -> None:
    names = "(codigo, descripcion, departamento, es_provisional)"
    both.duck(f"INSERT INTO productos {names} VALUES ('1', 'a|', 'b', false)")
    both.pg(f"INSERT INTO productos {names} VALUES ('1', 'a', '|b', false)")
    assert prove(both.settings, ["productos"], level).tables[0].changed == 1


def test_a_nul_character_that_only_duckdb_can_hold_is_a_difference(both: Both, level: Level) -> None:
    assert product(both, level, "'a' || chr(0) || 'b'", "'ab'").changed == 1


def test_numeric_without_a_scale_is_not_rounded_away(both: Both, level: Level) -> None:
    both.load("inventario_actual", random_rows("inventario_actual", 20))
    both.pg("ALTER TABLE inventario_actual ALTER stock TYPE numeric")
    both.pg("UPDATE inventario_actual SET stock = stock + 0.00001 WHERE producto_codigo LIKE '000001%'")
    found = stock(both, level)
    assert found.verdict is Verdict.DIFERENTE
    assert "stock is DECIMAL(18,4) in DuckDB, numeric in PostgreSQL" in found.reason


@pytest.mark.parametrize("kind", ["char(20)", "double precision", "varchar(20)"])
def test_padded_texts_and_floats_are_a_drift_of_the_schema(both: Both, level: Level, kind: str) -> None:
    column = "stock" if kind == "double precision" else "producto_codigo"
    both.pg(f"ALTER TABLE inventario_actual ALTER {column} TYPE {kind}")
    found = stock(both, level)
    assert found.verdict is Verdict.DIFERENTE
    assert column in found.reason


def test_nan_is_no_null(both: Both, level: Level) -> None:
    names = "(ubicacion_codigo, almacen_codigo, producto_codigo, stock, precio)"
    both.duck(f"INSERT INTO inventario_actual {names} VALUES ('SUC001', 'A', '1', 1, NULL), ('SUC001', 'A', '2', 1, 2)")
    both.pg(f"INSERT INTO inventario_actual {names} VALUES ('SUC001', 'A', '1', 1, 'NaN'), ('SUC001', 'A', '2', 1, 2)")
    found = stock(both, level)
    assert (found.changed, found.missing_in_postgresql, found.missing_in_duckdb) == (1, 0, 0)
    assert [d.columns for d in found.sample] == [("precio",)]


@pytest.mark.parametrize("day", ["infinity", "0044-03-15 BC"])
def test_dates_before_christ_and_infinity_are_differences_and_no_crash(both: Both, level: Level, day: str) -> None:
    both.load("clasificacion_abc", random_rows("clasificacion_abc", 20))
    both.pg(f"UPDATE clasificacion_abc SET fecha = '{day}' WHERE producto_codigo LIKE '000003%'")
    found = prove(both.settings, ["clasificacion_abc"], level).tables[0]
    assert found.verdict is Verdict.DIFERENTE
    assert (found.missing_in_postgresql, found.missing_in_duckdb, found.changed) == (1, 1, 0)


def test_a_day_before_christ_is_not_the_same_day_of_our_era(both: Both, level: Level) -> None:
    both.load("clasificacion_abc", random_rows("clasificacion_abc", 20))
    both.duck("UPDATE clasificacion_abc SET fecha = '0044-03-15' WHERE producto_codigo LIKE '000003%'")
    both.pg("UPDATE clasificacion_abc SET fecha = '0044-03-15 BC' WHERE producto_codigo LIKE '000003%'")
    found = prove(both.settings, ["clasificacion_abc"], level).tables[0]
    assert (found.missing_in_postgresql, found.missing_in_duckdb, found.changed) == (1, 1, 0)


@pytest.mark.parametrize("instant", ["infinity", "0044-03-15 10:00:00+00 BC", "-infinity"])
def test_instants_before_christ_and_infinity_are_differences_and_no_crash(both: Both, level: Level, instant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    both.load("inventario_cortes", random_rows("inventario_cortes", 20))
    both.pg(f"UPDATE inventario_cortes SET capturado_en = '{instant}' WHERE filas = 3")
    for rows in (1000, 5):
        monkeypatch.setattr("fluxion_pipeline.parity.plan.CHUNK_ROWS", rows)
        found = prove(both.settings, ["inventario_cortes"], level).tables[0]
        assert (found.missing_in_postgresql, found.missing_in_duckdb, found.changed) == (1, 1, 0)


def test_one_microsecond_is_a_difference(both: Both, level: Level) -> None:
    both.load("ventas", random_rows("ventas", 20))
    both.pg("UPDATE ventas SET fecha_venta = fecha_venta + interval '1 microsecond' WHERE linea = 4")
    assert prove(both.settings, ["ventas"], level).tables[0].changed == 1


def test_a_seventh_digit_of_a_second_is_rounded_alike_or_named(both: Both, level: Level) -> None:
    """Contract instants have six digits: both engines hold the same, since the reading cut them once."""
    both.load("ventas", random_rows("ventas", 5))
    for run in (both.pg, both.duck):
        run("UPDATE ventas SET fecha_venta = TIMESTAMPTZ '2025-11-01 10:00:00.123456+00'")
    assert prove(both.settings, ["ventas"], level).verdict is Verdict.IGUAL


def test_extreme_decimals_are_exact(both: Both, level: Level) -> None:
    names = "(ubicacion_codigo, almacen_codigo, producto_codigo, stock, precio)"
    values = [Decimal("99999999999999.9999"), Decimal("-99999999999999.9999"), Decimal("0.0001"), Decimal("-0.0001"), Decimal("0")]
    for run in (both.pg, both.duck):
        run(f"INSERT INTO inventario_actual {names} VALUES " + ", ".join(f"('SUC001', 'A', '{i}', {v}, {v})" for i, v in enumerate(values)))
    assert stock(both, level).verdict is Verdict.IGUAL
    both.pg("UPDATE inventario_actual SET stock = stock - 0.0001 WHERE producto_codigo = '0'")
    assert stock(both, level).changed == 1


def test_a_session_in_another_time_zone_makes_no_difference(both: Both, level: Level) -> None:
    both.load("ventas", random_rows("ventas", 20))
    both.pg(f"ALTER DATABASE {both.settings.postgres_db} SET TimeZone = 'Asia/Kathmandu'")
    both.pg(f"ALTER DATABASE {both.settings.postgres_db} SET DateStyle = 'SQL, DMY'")
    assert prove(both.settings, ["ventas"], level).verdict is Verdict.IGUAL


def test_a_null_in_a_key_column_that_lost_its_constraint_is_not_overlooked(both: Both, level: Level, monkeypatch: pytest.MonkeyPatch) -> None:
    both.load("inventario_cortes", random_rows("inventario_cortes", 20))
    both.duck("ALTER TABLE inventario_cortes ALTER ubicacion_codigo DROP NOT NULL")
    both.duck("UPDATE inventario_cortes SET ubicacion_codigo = NULL WHERE filas = 3")
    for rows in (1000, 5):
        monkeypatch.setattr("fluxion_pipeline.parity.plan.CHUNK_ROWS", rows)
        found = prove(both.settings, ["inventario_cortes"], level).tables[0]
        assert (found.missing_in_postgresql, found.missing_in_duckdb) == (1, 1)
