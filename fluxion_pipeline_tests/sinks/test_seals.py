"""Seals: a slice that PostgreSQL proves untouched isn't read back, and whatever anybody did to it breaks the proof."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from fluxion_pipeline.contracts.outcomes import SinkName
from fluxion_pipeline.settings import load
from fluxion_pipeline.sinks.embedded.server import EmbeddedServer, ServerAddress
from fluxion_pipeline.sinks.postgresql import seals, session
from fluxion_pipeline.sinks.postgresql.connect import connect_raw
from fluxion_pipeline.sinks.protocol import Counts
from fluxion_pipeline_tests.support import postgres
from fluxion_pipeline_tests.support.home import Home
from fluxion_pipeline_tests.support.readings import stock

PG = SinkName.POSTGRESQL
TICKS = [f"2025-11-24T{hour:02d}00" for hour in range(6, 22)]
HERE = "ubicacion_codigo = 'SUC001' AND producto_codigo ="


class Proofs:
    """Which slices of ``inventario_actual`` were proven untouched, write by write."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.found: list[set[str]] = []
        real = seals.untouched

        def spied(cursor: seals.Cursor, table: seals.TableSpec, known: list[seals.Line], now: seals.Moment) -> set[str]:
            found = real(cursor, table, known, now)
            if table.name == "inventario_actual":
                self.found.append(found)
            return found

        monkeypatch.setattr(seals, "untouched", spied)
        monkeypatch.setattr(session, "WORTHWHILE", 0)


@pytest.fixture(scope="module")
def postgres_server() -> Iterator[ServerAddress]:
    """A server of these tests alone: elsewhere open transactions cost proofs, never rows."""
    with postgres.server_alone() as address:
        yield address


@pytest.fixture
def proofs(monkeypatch: pytest.MonkeyPatch) -> Proofs:
    return Proofs(monkeypatch)


def tick(home: Home, number: int, **changes: int) -> Counts:
    """Two stores' next snapshot, with some products' stock changed, converged into PostgreSQL; what was written."""
    for place in ("SUC001", "SUC007"):
        amounts = {f"{n:06d}": n for n in range(8)} | {name.removeprefix("p"): value for name, value in changes.items()}
        home.land(stock(place, TICKS[number], amounts, number))
    return home.converge(PG).of("inventario_actual")


def test_what_nobody_touched_is_not_read_back_and_its_changes_are_sent(home: Home, proofs: Proofs) -> None:
    tick(home, 0)
    assert tick(home, 1, p000003=77) == Counts(changed=2, unchanged=14)
    assert tick(home, 2, p000009=1) == Counts(inserted=2, changed=2, unchanged=14)
    assert tick(home, 3) == Counts(deleted=2, unchanged=16)
    assert proofs.found == [set(), *[{"SUC001", "SUC007"}] * 3]
    home.assert_equal(PG)


EDITS = {
    "an update": (f"UPDATE inventario_actual SET stock = 99 WHERE {HERE} '000002'",),
    "an update that is taken back": (f"UPDATE inventario_actual SET stock = stock + {n} WHERE {HERE} '000002'" for n in (1, -1)),
    "a delete": (f"DELETE FROM inventario_actual WHERE {HERE} '000002'",),
    "an insert": ("INSERT INTO inventario_actual (ubicacion_codigo, almacen_codigo, producto_codigo, stock) VALUES ('SUC001', 'SUC001', 'x', 1)",),
    "a row moved to another slice": (f"UPDATE inventario_actual SET ubicacion_codigo = 'SUC010' WHERE {HERE} '000002'",),
    "a delete and an insert of one key": (
        f"DELETE FROM inventario_actual WHERE {HERE} '000002'",
        "INSERT INTO inventario_actual (ubicacion_codigo, almacen_codigo, producto_codigo, stock) VALUES ('SUC001', 'SUC001', '000002', 99)",
    ),
    "a delete and an insert of another key": (
        f"DELETE FROM inventario_actual WHERE {HERE} '000002'",
        "INSERT INTO inventario_actual (ubicacion_codigo, almacen_codigo, producto_codigo, stock) VALUES ('SUC001', 'SUC001', 'x', 99)",
    ),
    "two values swapped": (f"UPDATE inventario_actual SET stock = 3 - stock WHERE {HERE} ANY (ARRAY['000001', '000002'])",),
    "an edit in a savepoint": (f"DO $$ BEGIN BEGIN UPDATE inventario_actual SET stock = 99 WHERE {HERE} '000002'; EXCEPTION WHEN others THEN END; END $$",),
    "a truncation, filled with other rows": (
        "CREATE TABLE copia AS SELECT * FROM inventario_actual",
        "TRUNCATE inventario_actual",
        "INSERT INTO inventario_actual SELECT * FROM copia",
        f"UPDATE inventario_actual SET stock = 99 WHERE {HERE} '000002'",
    ),
}


@pytest.mark.parametrize("edit", EDITS, ids=[e.replace(" ", "-") for e in EDITS])
def test_whatever_was_done_to_a_slice_is_found_and_healed_by_its_next_image(home: Home, proofs: Proofs, edit: str) -> None:
    tick(home, 0)
    for statement in EDITS[edit]:
        home.run(PG, statement)
    tick(home, 1, p000005=55)
    assert "SUC001" not in proofs.found[-1]
    tick(home, 2, p000005=56)
    assert proofs.found[-1] == {"SUC001", "SUC007"}
    home.run(PG, "DELETE FROM inventario_actual WHERE ubicacion_codigo = 'SUC010'")
    home.assert_equal(PG)


def test_an_edit_that_was_open_while_the_slice_was_written_is_found(home: Home, proofs: Proofs) -> None:
    tick(home, 0)
    with closing(connect_raw(home.settings)) as other, other.cursor() as cursor:
        cursor.execute(f"UPDATE inventario_actual SET stock = 99 WHERE {HERE} '000002'")
        tick(home, 1, p000005=55)
        other.commit()
    tick(home, 2, p000005=56)
    assert "SUC001" not in proofs.found[-1]
    home.assert_equal(PG)


def test_a_transaction_that_stays_open_costs_proofs_and_nothing_else(home: Home, proofs: Proofs) -> None:
    tick(home, 0)
    home.run(PG, "CREATE TABLE ajena (n int)")
    with closing(connect_raw(home.settings)) as other, other.cursor() as cursor:
        cursor.execute("INSERT INTO ajena VALUES (1)")
        for number in (1, 2, 3):
            tick(home, number, p000005=number)
        home.assert_equal(PG)


def test_freezing_rows_breaks_no_seal(home: Home, proofs: Proofs) -> None:
    tick(home, 0)
    with closing(connect_raw(home.settings)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        cursor.execute("VACUUM (FREEZE, FULL) inventario_actual")
    tick(home, 1, p000005=55)
    assert proofs.found[-1] == {"SUC001", "SUC007"}
    home.assert_equal(PG)


def test_rows_that_were_dumped_and_loaded_again_are_read_back(home: Home, proofs: Proofs) -> None:
    tick(home, 0)
    home.run(PG, "CREATE TABLE copia AS SELECT * FROM inventario_actual")
    home.run(PG, "DELETE FROM inventario_actual")
    home.run(PG, "INSERT INTO inventario_actual SELECT * FROM copia")
    tick(home, 1, p000005=55)
    assert proofs.found[-1] == set()
    home.assert_equal(PG)


def test_columns_that_changed_names_have_no_seal(home: Home, proofs: Proofs) -> None:
    tick(home, 0)
    for old, new in (("precio", "otra"), ("costo", "precio"), ("otra", "costo")):
        home.run(PG, f"ALTER TABLE inventario_actual RENAME COLUMN {old} TO {new}")
    tick(home, 1, p000005=55)
    assert proofs.found[-1] == set()
    home.assert_equal(PG)


def test_a_table_put_in_the_place_of_ours_has_no_seal(home: Home, proofs: Proofs) -> None:
    home.run(PG, "CREATE TABLE otra (LIKE inventario_actual INCLUDING ALL)")
    home.run(
        PG,
        "INSERT INTO otra (ubicacion_codigo, almacen_codigo, producto_codigo, stock) SELECT u, u, lpad(n::text, 6, '0'), 99"
        " FROM generate_series(0, 7) n, unnest(ARRAY['SUC001', 'SUC007']) u",
    )
    tick(home, 0)
    home.run(PG, "ALTER TABLE inventario_actual RENAME TO nuestra; ALTER TABLE otra RENAME TO inventario_actual")
    tick(home, 1, p000005=55)
    assert proofs.found[-1] == set()
    home.assert_equal(PG)


def test_an_image_that_is_not_as_it_was_written_is_not_compared_with(home: Home, proofs: Proofs) -> None:
    tick(home, 0)
    (file,) = (home.settings.home / "lotes/SUC001").rglob("*-inventario_actual-*.parquet")
    other = next((home.settings.home / "lotes/SUC007").rglob("*-inventario_actual-*.parquet"))
    shutil.copy(other, file)
    tick(home, 1, p000005=55)
    assert proofs.found[-1] == {"SUC007"}
    home.assert_equal(PG)


def test_another_database_proves_nothing(home: Home, proofs: Proofs, postgres_server: ServerAddress) -> None:
    tick(home, 0)
    with postgres.fresh_database(postgres_server, home.settings.postgres_db) as copy:
        there = Home(postgres.settings_for(postgres_server, copy, home.settings.home))
        tick(there, 1, p000005=55)
        assert proofs.found[-1] == set()
        there.assert_equal(PG)


def test_a_proof_that_was_wrong_is_not_believed_twice(home: Home, proofs: Proofs, monkeypatch: pytest.MonkeyPatch) -> None:
    tick(home, 0)
    home.run(PG, f"DELETE FROM inventario_actual WHERE {HERE} '000005'")
    monkeypatch.setattr(seals, "untouched", lambda cursor, table, known, now: {line.slice for line in known})
    assert tick(home, 1, p000005=55) == Counts(inserted=1, changed=1, unchanged=14)
    home.assert_equal(PG)


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Home]:
    """A home whose embedded server can be stopped, copied and put back."""
    tmp_path.chmod(0o711)
    settings = load({"FLUXION_HOME": str(tmp_path / "home"), "DB_MODE": "postgresql"})
    try:
        yield Home(settings).ready()
    finally:
        EmbeddedServer(settings.home).stop()


def test_a_restored_data_folder_takes_its_seals_along_and_edits_after_it_are_found(own_server: Home, proofs: Proofs, tmp_path: Path) -> None:
    home, data = own_server, own_server.settings.home / "postgres"
    tick(home, 0)
    EmbeddedServer(home.settings.home).stop()
    subprocess.run(["cp", "-a", data, tmp_path / "copia"], check=True)
    for number in (1, 2, 3):
        tick(home, number, p000005=number)
    EmbeddedServer(home.settings.home).stop()
    shutil.rmtree(data)
    subprocess.run(["cp", "-a", tmp_path / "copia", data], check=True)
    home.run(PG, f"UPDATE inventario_actual SET stock = 99 WHERE {HERE} '000002'")
    tick(home, 4, p000005=55)
    assert proofs.found[-1] == {"SUC007"}
    home.assert_equal(PG)


def test_without_the_right_to_ask_which_server_it_is_rows_are_read_back(home: Home, proofs: Proofs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seals, "moment", lambda cursor, table: seals.Moment("", 1))
    for number in (0, 1, 2):
        tick(home, number, p000005=number)
    assert proofs.found == [set()] * 3
    assert home.run(PG, "SELECT count(servidor) FROM lotes_aplicados WHERE tabla <> 'ubicaciones'") == [(0,)]
    home.assert_equal(PG)


def test_marks_of_another_age_or_of_the_future_are_not_trusted() -> None:
    now = seals.Moment("here", 5_000_000_000)
    assert now.trusts("here", 4_999_999_999)
    assert not now.trusts("there", 4_999_999_999)
    assert not now.trusts("here", 5_000_000_001)
    assert not now.trusts("here", 5_000_000_000 - seals.OLDEST)
