"""Proofs are renewed for what changed, and find every edit behind the pipeline's back, as a full one would."""

from __future__ import annotations

from datetime import timedelta

import pytest

from fluxion_pipeline.contracts.clock import now
from fluxion_pipeline.contracts.outcomes import SinkName, Verdict
from fluxion_pipeline.parity import ledger, newer, renewal
from fluxion_pipeline.parity.prove import prove
from fluxion_pipeline.parity.report import TableParity
from fluxion_pipeline.settings import Settings
from fluxion_pipeline.sinks.embedded.server import ServerAddress
from fluxion_pipeline.sinks.postgresql.connect import connect
from fluxion_pipeline_tests.support import postgres
from fluxion_pipeline_tests.support.home import Home
from fluxion_pipeline_tests.support.readings import invoices, sales, stock

TICKS = [f"2025-11-24T{hour:02d}{minute}" for hour in range(6, 23) for minute in ("00", "30")]
TABLES = ("inventario_actual", "inventario_historico", "ventas")
PRODUCTS = 20


@pytest.fixture
def home(pg_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Home:
    """Two stores with stock and sales on both sinks; nothing was proven yet."""
    monkeypatch.setattr(newer, "LEAST", 0)
    made = Home(pg_settings).ready()
    made.land(sales("SUC001", "2025-11-22", invoices(*range(12))), sales("SUC007", "2025-11-23", invoices(*range(9))))
    tick(made, 0)
    return made


def tick(home: Home, number: int, **amounts: int) -> None:
    """Both stores' next snapshot on both sinks; ``p000003=7`` is one product's stock."""
    for place in ("SUC001", "SUC007"):
        home.land(stock(place, TICKS[number], {f"{n:06d}": n for n in range(PRODUCTS)} | {k[1:]: v for k, v in amounts.items()}, number))
    for sink in SinkName:
        home.converge(sink)


def proven(home: Home, **more: object) -> dict[str, TableParity]:
    return {t.table: t for t in prove(home.settings, TABLES, **more).tables}  # type: ignore[arg-type]


def assert_equal(home: Home, **compared: int) -> None:
    """All is equal, and so many slices of each table had to be compared row by row."""
    found = proven(home)
    assert {t.verdict for t in found.values()} == {Verdict.IGUAL}, [t.reason for t in found.values()]
    assert {name: found[name].compared for name in compared} == compared


def test_what_was_proven_is_not_compared_again(home: Home) -> None:
    assert_equal(home, inventario_actual=2, inventario_historico=2, ventas=2)
    assert_equal(home, inventario_actual=0, inventario_historico=0, ventas=0)
    assert proven(home)["ventas"].oldest is not None


def test_full_compares_everything_all_the_same(home: Home) -> None:
    assert_equal(home)
    assert {t.compared for t in proven(home, full=True).values()} == {2}


def test_a_slice_that_changed_is_proven_by_its_changed_rows(home: Home) -> None:
    assert_equal(home)
    tick(home, 1, p000003=77, p000099=1)
    assert_equal(home, inventario_actual=0, inventario_historico=2, ventas=0)
    tick(home, 2, p000003=78, p000099=1)
    assert_equal(home, inventario_actual=0, inventario_historico=2, ventas=0)
    proofs = home.run(SinkName.POSTGRESQL, "SELECT version, filas FROM pruebas_slices WHERE tabla = 'inventario_actual' ORDER BY slice")
    assert proofs == [
        (int(v), PRODUCTS + 1) for (v,) in home.run(SinkName.DUCKDB, "SELECT version FROM lotes_aplicados WHERE tabla = 'inventario_actual' ORDER BY slice")
    ]


def test_a_slice_that_lost_a_key_is_compared_whole(home: Home) -> None:
    tick(home, 1, p000099=1)
    assert_equal(home)
    tick(home, 2)
    assert_equal(home, inventario_actual=2)


def test_without_the_image_of_before_a_changed_slice_is_compared_whole(home: Home) -> None:
    assert_equal(home)
    files = list((home.settings.home / "lotes/SUC001").rglob("*-inventario_actual-*.parquet"))
    tick(home, 1, p000003=77)
    for file in files:
        file.unlink()
    assert_equal(home, inventario_actual=1)


def test_columns_that_changed_names_are_found_though_no_row_was_written(home: Home) -> None:
    assert_equal(home)
    for old, new in (("venta_total", "otra"), ("cantidad", "venta_total"), ("otra", "cantidad")):
        home.run(SinkName.POSTGRESQL, f"ALTER TABLE ventas RENAME COLUMN {old} TO {new}")
    found = proven(home)["ventas"]
    assert (found.verdict, found.changed) == (Verdict.DIFERENTE, 21)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE pruebas SET motor = 'duckdb 1.0'",
        "UPDATE pruebas SET servidor = 'another'",
        "UPDATE pruebas SET marca = marca + 1000000",
        "ALTER TABLE inventario_actual DROP CONSTRAINT inventario_actual_pkey",
    ],
)
def test_a_proof_made_elsewhere_or_by_another_version_is_not_trusted(home: Home, change: str) -> None:
    assert_equal(home)
    home.run(SinkName.POSTGRESQL, change)
    assert_equal(home, inventario_actual=2)


def test_a_copy_of_the_database_is_proven_anew(home: Home, postgres_server: ServerAddress) -> None:
    assert_equal(home)
    with postgres.fresh_database(postgres_server, home.settings.postgres_db) as copy:
        assert_equal(Home(postgres.settings_for(postgres_server, copy, home.settings.home)), inventario_actual=2, ventas=2)


def test_what_was_compared_longest_ago_is_compared_anew(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    assert_equal(home)
    monkeypatch.setattr(renewal, "AT_ONCE", (PRODUCTS, 1000))
    home.run(SinkName.POSTGRESQL, "UPDATE pruebas_slices SET comparado_en = %s WHERE slice LIKE %s", now() - timedelta(days=1), "SUC001%")
    assert_equal(home, inventario_actual=1, inventario_historico=1, ventas=1)
    assert_equal(home, inventario_actual=0, inventario_historico=0, ventas=0)


def test_a_row_that_goes_while_another_one_was_too_many_before_is_found(home: Home) -> None:
    columns = "ubicacion_codigo, almacen_codigo, producto_codigo, stock"
    home.run(SinkName.POSTGRESQL, f"INSERT INTO inventario_actual ({columns}) VALUES ('SUC999', 'x', '000001', 1)")
    assert proven(home)["inventario_actual"].missing_in_duckdb == 1
    home.run(SinkName.POSTGRESQL, "DELETE FROM inventario_actual WHERE ubicacion_codigo = 'SUC001' AND producto_codigo = '000001'")
    found = proven(home)["inventario_actual"]
    assert (found.verdict, found.missing_in_duckdb, found.missing_in_postgresql) == (Verdict.DIFERENTE, 1, 1)


def test_two_proofs_at_once_keep_one(home: Home) -> None:
    assert_equal(home)
    with connect(home.settings, read_only=True) as connection:
        proof = ledger.load(ledger.PostgresqlSide(connection), newer.TableSpec("ventas", (), ()))
    assert_equal(home)
    before = home.run(SinkName.POSTGRESQL, "SELECT * FROM pruebas ORDER BY tabla")
    assert ledger.keep(home.settings, {"ventas": proof}, now()) is False
    assert home.run(SinkName.POSTGRESQL, "SELECT * FROM pruebas ORDER BY tabla") == before


def test_a_server_that_takes_no_writes_is_proven_in_full_each_time(home: Home) -> None:
    home.run(SinkName.POSTGRESQL, f"ALTER DATABASE {home.settings.postgres_db} SET default_transaction_read_only = on")
    assert_equal(home, inventario_actual=2)
    assert_equal(home, inventario_actual=2)
