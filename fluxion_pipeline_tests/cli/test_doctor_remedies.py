"""Set-ups that are really broken: the doctor names each, and what it prints mends it when it is typed as printed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack, closing
from datetime import timedelta
from pathlib import Path

import psycopg2
import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from fluxion_pipeline import pause
from fluxion_pipeline.contracts.clock import now
from fluxion_pipeline.contracts.migrations.runner import migrate
from fluxion_pipeline.contracts.outcomes import Mode, SinkName
from fluxion_pipeline.operations import disk, surroundings
from fluxion_pipeline.operations import doctor as doctors
from fluxion_pipeline.operations.doctor import State
from fluxion_pipeline.settings import Settings, load
from fluxion_pipeline.sinks.embedded.server import EmbeddedServer
from fluxion_pipeline.sinks.postgresql.connect import connect
from fluxion_pipeline_tests.support import postgres
from fluxion_pipeline_tests.support.home import Home
from fluxion_pipeline_tests.support.patient import doctor, failed, typed

Break = Callable[[Home, ExitStack], Settings | None]


def sql(sink: SinkName, text: str) -> Break:
    def done(home: Home, _: ExitStack) -> None:
        home.run(sink, text)

    return done


def damaged(home: Home, _: ExitStack) -> None:
    """What a disk or a careless copy leaves of the DuckDB file."""
    home.settings.duckdb_file.write_bytes(b"no database at all" * 500)


def gone(home: Home, _: ExitStack) -> None:
    home.settings.duckdb_file.unlink()


def older(home: Home, _: ExitStack) -> None:
    """DuckDB as a former version of this program made it."""
    home.settings.duckdb_file.unlink()
    engine = sa.create_engine(f"duckdb:///{home.settings.duckdb_file}", poolclass=sa.pool.NullPool)
    migrate(engine, to="0004")
    engine.dispose()


def held(home: Home, stack: ExitStack) -> None:
    """Somebody's shell has the DuckDB file open."""
    code = "import duckdb, sys, time; c = duckdb.connect(sys.argv[1]); print('open', flush=True); time.sleep(300)"
    holder = stack.enter_context(subprocess.Popen([sys.executable, "-c", code, str(home.settings.duckdb_file)], stdout=subprocess.PIPE, text=True))
    stack.callback(holder.kill)
    assert holder.stdout
    holder.stdout.readline()


def paused(home: Home, _: ExitStack) -> None:
    pause.begin(home.settings.home, "mantenimiento", now())


def dropped(home: Home, _: ExitStack) -> None:
    postgres.drop_database(postgres.session_server(), home.settings.postgres_db)


def dropped_table(home: Home, stack: ExitStack) -> None:
    """One table is gone; what the remedy puts aside is taken away after the test."""
    home.run(SinkName.POSTGRESQL, "DROP TABLE ventas CASCADE")
    stack.callback(postgres.drop_database, postgres.session_server(), f"{home.settings.postgres_db}_broken")


def latin(home: Home, stack: ExitStack) -> Settings:
    """The database of another encoding that somebody made."""
    name = f"{home.settings.postgres_db}_latin"
    administer(f"CREATE DATABASE {name} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    for other in (name, f"{name}_utf8"):
        stack.callback(postgres.drop_database, postgres.session_server(), other)
    return home.settings.model_copy(update={"postgres_db": name})


def tls(home: Home, _: ExitStack) -> Settings:
    return home.settings.model_copy(update={"postgres_sslmode": "require"})


def nowhere(home: Home, _: ExitStack) -> Settings:
    """Where the home should be lies a file; the one that is made then is new, with a DuckDB file of its own."""
    file = home.settings.home.parent / "archivo"
    file.write_text("", "utf-8")
    return home.settings.model_copy(update={"fluxion_home": file, "db_mode": Mode.DUCKDB})


def administer(text: str) -> None:
    server = postgres.session_server()
    with closing(psycopg2.connect(server.uri())) as connection:
        connection.autocommit = True
        connection.cursor().execute(text)


FOREIGN = "UPDATE fluxion_meta SET valor = 'abcdef01' WHERE clave = 'outbox'"
Wrong = tuple[Break, str, str]
"""What breaks a set-up, the check that names it, and what it says."""
BROKEN: dict[str, tuple[Wrong, ...]] = {
    "paused, a damaged file, an emptied database": (
        (paused, "pause", "mantenimiento"),
        (damaged, "duckdb opens", "not a valid DuckDB database file"),
        (sql(SinkName.POSTGRESQL, "DROP SCHEMA public CASCADE; CREATE SCHEMA public"), "postgresql schema", "not there yet"),
    ),
    "a file that is held, a database that is gone, TLS where there is none": (
        (held, "duckdb opens", "python"),
        (tls, "postgresql opens", "has no TLS, and POSTGRES_SSLMODE demands it"),
        (dropped, "postgresql opens", "it has no database «test_"),
    ),
    "an older schema, another encoding": (
        (older, "duckdb schema", "the schema is at 0004, head is"),
        (latin, "postgresql opens", "is encoded in LATIN1"),
    ),
    "both databases belong to another home, a location is gone from one": (
        (sql(SinkName.POSTGRESQL, FOREIGN), "postgresql belongs to this home", "abcdef01"),
        (sql(SinkName.DUCKDB, FOREIGN), "duckdb belongs to this home", "abcdef01"),
        (sql(SinkName.POSTGRESQL, "DELETE FROM ubicaciones WHERE codigo = 'SUC001'"), "same answers", "22 ubicaciones"),
    ),
    "no DuckDB file": ((gone, "duckdb opens", "doesn't exist yet"),),
    "a table that was dropped": ((dropped_table, "postgresql schema", "ventas: the table is missing"),),
    "a home that is a file": ((nowhere, "home", "can't be written"),),
}


@pytest.mark.e2e
@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_is_named_and_typing_the_remedies_as_printed_one_after_the_other_mends_it(
    name: str, pg_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    settings = pg_settings.model_copy(update={"fluxion_source": "archivos"})
    home, named = Home(settings).ready(), set()
    with ExitStack() as stack:
        for breaks, _, _ in BROKEN[name]:
            settings = breaks(home, stack) or settings
        for _ in range(9):
            found = failed(settings)
            named |= {(f.name, f.found) for f in found}
            if not found:
                break
            settings = typed(found[0], settings)
        assert found == []
    assert [said for _, check, said in BROKEN[name] if not any(check == c and said in text for c, text in named)] == []


@pytest.mark.e2e
def test_an_embedded_server_with_no_room_a_broken_data_folder_and_a_move_to_another_server_are_mended_as_printed(
    bare_settings: Settings, tmp_path: Path
) -> None:
    tmp_path.chmod(0o711)
    settings = load({"FLUXION_HOME": str(tmp_path / "home"), "DB_MODE": "dual", "FLUXION_SOURCE": "archivos"})
    server = EmbeddedServer(settings.home)
    try:
        Home(settings).ready()
        with connect(settings) as connection:
            connection.rollback()
            connection.autocommit = True
            connection.cursor().execute("ALTER SYSTEM SET max_connections = 12")
        server.stop()
        (full,) = failed(settings)
        assert full.name == "postgresql fits"
        assert "the server takes 9 connections" in full.found
        typed(full, settings)
        assert failed(settings) == []

        server.stop()
        (settings.home / "postgres" / "data" / "global" / "pg_control").unlink()
        (broken,) = failed(settings)
        assert broken.name == "postgresql opens"
        assert "pg_control" in broken.found
        typed(broken, settings)
        assert failed(settings) == []

        server.stop()
        there = {name: getattr(bare_settings, name) for name in Settings.model_fields if name.startswith("postgres_")}
        elsewhere = settings.model_copy(update=there)
        (other,) = failed(elsewhere)
        assert (other.name, "this isn't the server that this home has written" in other.found) == ("postgresql opens", True)
        typed(other, elsewhere)
        assert failed(elsewhere) == []
    finally:
        server.stop()


def test_a_role_that_may_only_read_is_given_its_rights_by_what_is_printed(pg_settings: Settings) -> None:
    home, role = Home(pg_settings).ready(), f"lector_{pg_settings.postgres_db[-6:]}"
    home.run(SinkName.POSTGRESQL, f"CREATE ROLE {role} LOGIN PASSWORD 'lee'; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
    try:
        found = doctor(pg_settings, postgres_user=role, postgres_password=SecretStr("lee"))["postgresql reads and writes"]
        assert found.state is State.FAILED
        home.run(SinkName.POSTGRESQL, found.remedy.rpartition(": ")[2])
        assert doctor(pg_settings, postgres_user=role, postgres_password=SecretStr("lee"))["postgresql reads and writes"].state is State.OK
    finally:
        home.run(SinkName.POSTGRESQL, f"DROP OWNED BY {role}; DROP ROLE {role}")


@pytest.mark.e2e
def test_a_role_whose_transactions_only_read_may_write_after_what_is_printed(pg_settings: Settings) -> None:
    settings = Home(pg_settings).ready().settings.model_copy(update={"fluxion_source": "archivos"})
    administer(f"ALTER DATABASE {pg_settings.postgres_db} SET default_transaction_read_only = on")
    (finding,) = failed(settings)
    assert (finding.name, "only reads: default_transaction_read_only is on" in finding.found) == ("postgresql opens", True)
    typed(finding, settings)
    assert failed(settings) == []


def test_a_server_that_takes_no_more_connections_is_named(pg_settings: Settings) -> None:
    role = f"lleno_{pg_settings.postgres_db[-6:]}"
    Home(pg_settings).run(SinkName.POSTGRESQL, f"CREATE ROLE {role} LOGIN PASSWORD 'x' CONNECTION LIMIT 0")
    try:
        found = doctor(pg_settings, postgres_user=role, postgres_password=SecretStr("x"))["postgresql opens"]
    finally:
        Home(pg_settings).run(SinkName.POSTGRESQL, f"DROP ROLE {role}")
    assert "takes no more connections" in found.found
    assert "close other programs' connections" in found.remedy


def test_a_clock_that_is_wrong_an_old_python_and_a_disk_that_is_nearly_full_are_named(pg_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    Home(pg_settings).ready()
    monkeypatch.setattr(surroundings, "now", lambda: now() + timedelta(minutes=5))
    monkeypatch.setattr(doctors, "OLDEST_PYTHON", (4, 0))
    monkeypatch.setattr(doctors, "LEAST_FREE", 10**16)
    found = doctor(pg_settings)
    assert found["postgresql fits"].found.startswith("the server's clock is 300 s behind this machine's")
    assert found["postgresql fits"].remedy.startswith("timedatectl set-ntp true")
    assert (found["programs"].state, "make setup" in found["programs"].remedy) == (State.FAILED, True)
    assert "7 days need 10000000.0 GB" in found["home"].found
    monkeypatch.undo()
    assert typed(found["home"], pg_settings) is not None
    assert failed(pg_settings.model_copy(update={"fluxion_source": "archivos"})) == []


def test_the_disk_has_to_do_for_a_week_of_what_was_taken_lately(duck_settings: Settings) -> None:
    duck_settings.home.mkdir(parents=True)
    free = shutil.disk_usage(duck_settings.home).free
    for days, used in ((2, 0), (0, free)):
        disk.note(duck_settings.home, disk.Measure(now() - timedelta(days=days), {"lotes": used}, free))
    assert doctor(duck_settings)["home"].state is State.FAILED
