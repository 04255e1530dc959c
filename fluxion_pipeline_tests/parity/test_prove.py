"""``prove`` finds each kind of damage, names key and kind, and calls nothing different that isn't."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fluxion_pipeline.contracts.outcomes import Mode, Verdict
from fluxion_pipeline.contracts.tables import CONTRACT_TABLES
from fluxion_pipeline.errors import ContractError
from fluxion_pipeline.parity.folder import own_folder
from fluxion_pipeline.parity.prove import prove
from fluxion_pipeline.parity.report import Kind, Level, TableParity
from fluxion_pipeline_tests.parity.both import Both, random_rows

ROWS = 300
COMPARED = [Level.VALUES, Level.DIGEST]


def one(both: Both, table: str, level: Level = Level.VALUES) -> TableParity:
    return prove(both.settings, [table], level).tables[0]


def counts(found: TableParity) -> tuple[int, int, int, int, int]:
    """Missing, extra, changed, doubled in DuckDB, doubled in PostgreSQL."""
    return (found.missing_in_postgresql, found.missing_in_duckdb, found.changed, found.duplicated_in_duckdb, found.duplicated_in_postgresql)


def test_empty_sinks_are_equal_in_every_table_and_level(both: Both) -> None:
    for level in Level:
        report = prove(both.settings, level=level)
        assert [t.table for t in report.tables] == list(CONTRACT_TABLES)
        assert {(t.verdict, t.reason) for t in report.tables} == {(Verdict.IGUAL, "")}


@pytest.mark.parametrize("level", [Level.COUNT, *COMPARED])
def test_every_table_with_the_same_nasty_rows_is_equal(both: Both, level: Level) -> None:
    for table in CONTRACT_TABLES:
        both.load(table, random_rows(table, ROWS))
    report = prove(both.settings, level=level)
    assert [(t.table, t.verdict, t.reason, t.rows_duckdb, t.rows_postgresql) for t in report.tables] == [
        (t, Verdict.IGUAL, "", ROWS, ROWS) for t in CONTRACT_TABLES
    ]


@pytest.mark.parametrize("level", COMPARED)
def test_an_update_a_delete_and_an_insert_in_postgresql_are_all_named(both: Both, level: Level) -> None:
    both.load("inventario_actual", random_rows("inventario_actual", ROWS, nasty=False), ledger=True)
    both.pg("UPDATE inventario_actual SET stock = 77 WHERE producto_codigo = '000003'")
    both.pg("DELETE FROM inventario_actual WHERE producto_codigo = '000004'")
    both.pg("INSERT INTO inventario_actual (ubicacion_codigo, almacen_codigo, producto_codigo, stock) VALUES ('SUC009', 'A', 'nuevo', 1)")
    found = one(both, "inventario_actual", level)
    assert found.verdict is Verdict.DIFERENTE
    assert counts(found) == (1, 1, 1, 0, 0)
    assert (found.rows_duckdb, found.rows_postgresql) == (ROWS, ROWS)
    assert {d.kind: d.key["producto_codigo"] for d in found.sample} == {"cambiada": "000003", "falta_en_pg": "000004", "sobra_en_pg": "nuevo"}
    changed = next(d for d in found.sample if d.kind == Kind.CHANGED)
    assert changed.columns == ("stock",)
    assert changed.postgresql is not None
    assert changed.postgresql["stock"] == "77.0000"
    assert found.differing == {"SUC001", "SUC002", "SUC009"}
    assert {t.table: t.differing for t in prove(both.settings).tables if t.differing} == {"inventario_actual": {"SUC001", "SUC002", "SUC009"}}


@pytest.mark.parametrize("level", COMPARED)
def test_swapped_values_of_two_rows_are_both_found(both: Both, level: Level) -> None:
    both.load("ventas", random_rows("ventas", ROWS, nasty=False))
    both.pg("UPDATE ventas v SET cantidad = o.cantidad FROM ventas o WHERE (v.linea, o.linea) IN ((6, 21), (21, 6))")
    found = one(both, "ventas", level)
    assert counts(found) == (0, 0, 2, 0, 0)
    assert {d.key["linea"] for d in found.sample} == {6, 21}
    assert {d.columns for d in found.sample} == {("cantidad",)}


@pytest.mark.parametrize("level", COMPARED)
def test_a_row_deleted_and_inserted_anew_with_other_values_is_changed(both: Both, level: Level) -> None:
    both.load("productos", random_rows("productos", ROWS, nasty=False))
    both.pg("DELETE FROM productos WHERE codigo = '000010'")
    both.pg("INSERT INTO productos (codigo, descripcion, es_provisional) VALUES ('000010', 'otra', true)")
    found = one(both, "productos", level)
    assert counts(found) == (0, 0, 1, 0, 0)
    assert found.sample[0].key == {"codigo": "000010"}
    assert "descripcion" in found.sample[0].columns


@pytest.mark.parametrize("level", COMPARED)
def test_a_row_that_is_twice_in_duckdb_is_named_though_a_join_is_blind_to_it(both: Both, level: Level) -> None:
    both.load("inventario_actual", random_rows("inventario_actual", ROWS, nasty=False))
    both.duck("INSERT INTO inventario_actual SELECT * FROM inventario_actual WHERE producto_codigo = '000007'")
    found = one(both, "inventario_actual", level)
    assert found.verdict is Verdict.DIFERENTE
    assert counts(found) == (0, 0, 0, 1, 0)
    assert (found.rows_duckdb, found.rows_postgresql) == (ROWS + 1, ROWS)
    assert [(d.kind, d.key["producto_codigo"], d.duckdb, d.postgresql) for d in found.sample] == [("duplicada", "000007", {"filas": 2}, {"filas": 1})]


def test_a_row_that_is_twice_on_both_sides_is_named(both: Both) -> None:
    both.load("productos", random_rows("productos", ROWS, nasty=False))
    both.pg(
        "ALTER TABLE productos DROP CONSTRAINT " + both.pg("SELECT conname FROM pg_constraint WHERE conrelid = 'productos'::regclass AND contype = 'p'")[0][0]
    )
    for run in (both.pg, both.duck):
        run("INSERT INTO productos SELECT * FROM productos WHERE codigo = '000007'")
    found = one(both, "productos")
    assert found.verdict is Verdict.DIFERENTE
    assert counts(found) == (0, 0, 0, 1, 1)


def test_level_count_finds_the_slices_whose_counts_differ(both: Both) -> None:
    both.load("ventas", random_rows("ventas", ROWS, nasty=False), ledger=True)
    both.pg("DELETE FROM ventas WHERE linea = 5")
    both.pg("UPDATE ventas SET cantidad = 1 WHERE linea = 8")
    found = one(both, "ventas", Level.COUNT)
    assert found.verdict is Verdict.DIFERENTE
    assert counts(found) == (1, 0, 0, 0, 0)
    assert (found.rows_duckdb, found.rows_postgresql) == (ROWS, ROWS - 1)
    assert found.differing == {"SUC003/2025-11-01"}


def test_a_row_whose_slice_moved_is_missing_in_one_and_extra_in_another(both: Both) -> None:
    both.load("ventas", random_rows("ventas", ROWS, nasty=False))
    both.pg("UPDATE ventas SET fecha_negocio = '2025-11-09' WHERE linea = 5")
    found = one(both, "ventas")
    assert counts(found) == (1, 1, 0, 0, 0)
    assert found.differing == {"SUC003/2025-11-01", "SUC003/2025-11-09"}


def test_only_the_slices_that_are_asked_for_are_compared(both: Both) -> None:
    both.load("ventas", random_rows("ventas", ROWS, nasty=False))
    both.pg("DELETE FROM ventas WHERE linea IN (5, 6)")
    for level in (Level.COUNT, *COMPARED):
        found = prove(both.settings, ["ventas"], level, slices={"ventas": ["SUC003/2025-11-01"]}).tables[0]
        assert found.missing_in_postgresql == 1
        assert found.differing == {"SUC003/2025-11-01"}
        assert prove(both.settings, ["ventas"], level, slices={"ventas": ["SUC002/2025-11-01"]}).verdict is Verdict.IGUAL


def test_one_active_sink_can_not_be_compared(both: Both) -> None:
    for mode in (Mode.DUCKDB, Mode.POSTGRESQL):
        report = prove(both.settings.model_copy(update={"db_mode": mode}))
        assert report.exit_code == 2
        assert {t.reason for t in report.tables} == {f"only one active sink (DB_MODE={mode})"}


def test_a_sink_that_is_away_is_no_difference(both: Both) -> None:
    gone = both.settings.model_copy(update={"postgres_port": 1})
    report = prove(gone, wait=1)
    assert report.exit_code == 2
    assert all("PostgreSQL" in t.reason and "away" in t.reason for t in report.tables)
    both.settings.duckdb_file.unlink()
    report = prove(both.settings, wait=1)
    assert report.verdict is Verdict.NO_CONCLUYENTE
    assert all("doesn't exist" in t.reason for t in report.tables)


def test_an_unknown_table_is_an_error_that_lists_the_tables(both: Both) -> None:
    with pytest.raises(ContractError, match="«cobertura».*inventario_actual"):
        prove(both.settings, ["ventas", "cobertura"])


def test_nothing_is_left_in_the_folder_for_exported_rows(both: Both) -> None:
    both.load("productos", random_rows("productos", 10))
    prove(both.settings)
    prove(both.settings.model_copy(update={"postgres_port": 1}))
    assert not list((both.settings.home / "tmp").glob("parity-*"))


def test_the_folder_that_a_killed_comparison_left_is_removed_and_that_of_a_living_one_stays(both: Both) -> None:
    tmp = both.settings.home / "tmp"
    with own_folder(both.settings.home) as living:
        killed = tmp / "parity-killed"
        killed.mkdir()
        (killed / "0.csv").write_text("1,2\n")
        prove(both.settings, ["productos"])
        assert not killed.exists()
        assert living.exists()
    assert not list(tmp.glob("parity-*"))


def test_big_tables_are_compared_in_chunks_of_slices(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fluxion_pipeline.parity.plan.CHUNK_ROWS", 40)
    for table in ("ventas", "inventario_historico"):
        both.load(table, random_rows(table, ROWS))
    seen: list[tuple[str, int, int]] = []
    for level in COMPARED:
        assert prove(both.settings, ["ventas", "inventario_historico"], level, progress=lambda *x: seen.append(x)).verdict is Verdict.IGUAL
    assert ("ventas", 8, 8) in seen
    both.pg("UPDATE inventario_historico SET stock = coalesce(stock, 0) + 1 WHERE capturado_en > '2025-11-04'")
    number = both.pg("SELECT count(*) FROM inventario_historico WHERE capturado_en > '2025-11-04'")[0][0]
    for level in COMPARED:
        assert one(both, "inventario_historico", level).changed == number
    assert replace(one(both, "ventas"), seconds=0).verdict is Verdict.IGUAL
