"""What the doctor finds: on healthy sinks nothing, and each thing that is broken on purpose."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg2
import pytest

from fluxion_pipeline.contracts.migrations import HEAD
from fluxion_pipeline.locations import registry
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.operations.doctor import Finding, State, diagnose
from fluxion_pipeline.operations.initialise import initialise
from fluxion_pipeline.settings import Settings
from fluxion_pipeline.sinks.duckdb.connect import open_file
from fluxion_pipeline.sinks.postgresql.connect import connect
from fluxion_pipeline_tests.support.patient import typed

Change = Callable[..., Settings]


@pytest.fixture
def healthy(pg_settings: Settings) -> Settings:
    """Both sinks, ready for use."""
    assert [step.error for step in initialise(App(pg_settings))] == [None, None]
    return pg_settings.model_copy(update={"fluxion_source": "archivos"})


def found(settings: Settings) -> dict[str, Finding]:
    return {finding.name: finding for finding in diagnose(settings)}


def states(settings: Settings) -> dict[str, str]:
    return {name: finding.state.value for name, finding in found(settings).items()}


def other(settings: Settings, **changes: object) -> Settings:
    return settings.model_copy(update=changes)


def administer(settings: Settings, text: str) -> None:
    with connect(settings) as connection, connection.cursor() as cursor:
        cursor.execute(text)
        connection.commit()


def opens(settings: Settings) -> Finding:
    finding = found(settings)["postgresql opens"]
    assert finding.state is State.FAILED
    assert finding.remedy
    return finding


def test_on_healthy_sinks_all_is_well(healthy: Settings) -> None:
    findings = found(healthy)
    assert {name for name, finding in findings.items() if finding.state is not State.OK} == set()
    assert list(findings)[:8] == ["programs", "home", "settings", "pause", "records", "images", "duckdb opens", "postgresql opens"]
    assert (
        f"on {healthy.postgres_host}:{healthy.postgres_port}, database {healthy.postgres_db}, role fluxion, system_identifier "
        in findings["postgresql opens"].found
    )
    assert findings["postgresql schema"].found == f"at head ({HEAD})"
    assert findings["same answers"].found.startswith("23 ubicaciones")


def test_the_doctor_leaves_nothing_behind(healthy: Settings) -> None:
    tables = "SELECT count(*) FROM information_schema.tables WHERE table_name LIKE 'doctor%'"
    states(healthy)
    with connect(healthy) as connection, connection.cursor() as cursor, open_file(healthy, write=False) as file:
        cursor.execute(tables)
        assert (cursor.fetchone(), file.execute(tables).fetchone()) == ((0,), (0,))


def test_one_sink_is_enough_for_its_mode(duck_settings: Settings) -> None:
    initialise(App(duck_settings))
    seen = states(duck_settings)
    assert {seen[name] for name in seen if name.startswith("duckdb")} == {"ok"}
    assert {seen[name] for name in seen if name.startswith("postgresql")} == {"skipped"}
    assert seen["same answers"] == "skipped"


def test_before_init_every_sink_says_so(bare_settings: Settings) -> None:
    findings = found(bare_settings)
    assert findings["home"].state is State.OK
    assert (findings["duckdb opens"].state, findings["duckdb opens"].remedy) == (State.FAILED, "fluxion init")
    assert findings["duckdb schema"].state is State.SKIPPED
    assert findings["postgresql opens"].state is State.OK
    assert (findings["postgresql schema"].found, findings["postgresql schema"].remedy) == (f"the schema is not there yet, head is {HEAD}", "fluxion init")
    assert findings["postgresql belongs to this home"].remedy == "fluxion init"
    assert findings["same answers"].state is State.SKIPPED


def test_a_role_that_is_not_there_means_another_server(pg_settings: Settings, open_hba: None) -> None:
    finding = opens(other(pg_settings, postgres_user="fluxion_prod", postgres_password=None))
    assert finding.found.startswith(f"another PostgreSQL answers on 127.0.0.1:{pg_settings.postgres_port}: it has no role «fluxion_prod»")
    assert "POSTGRES_PORT" in finding.remedy


def test_a_database_that_is_not_there_means_another_server(pg_settings: Settings) -> None:
    finding = opens(other(pg_settings, postgres_db="produccion"))
    assert f"another PostgreSQL answers on 127.0.0.1:{pg_settings.postgres_port}: it has no database «produccion»" in finding.found


def test_a_refused_password_names_both_possible_causes(pg_settings: Settings) -> None:
    finding = opens(other(pg_settings, postgres_password=type(pg_settings.postgres_password)("wrong")))
    assert "the password is wrong, or another PostgreSQL answers there" in finding.found
    assert "wrong" not in finding.found.replace("the password is wrong", "")


def test_a_server_that_is_off_and_one_that_is_unknown(pg_settings: Settings) -> None:
    assert opens(other(pg_settings, postgres_port=1)).found == "nothing listens on 127.0.0.1:1"
    assert opens(other(pg_settings, postgres_host="no-such-machine.invalid")).found == "no machine is called «no-such-machine.invalid»"


def test_something_that_is_not_postgresql(pg_settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def talk() -> None:
            for _ in range(2):
                client, _address = server.accept()
                client.recv(100)
                client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                client.close()

        threading.Thread(target=talk, daemon=True).start()
        port = server.getsockname()[1]
        assert f"what answers on 127.0.0.1:{port} isn't PostgreSQL (process {os.getpid()}:" in opens(other(pg_settings, postgres_port=port)).found


def test_a_database_of_another_encoding_is_refused(pg_settings: Settings) -> None:
    name = f"{pg_settings.postgres_db}_latin"
    with psycopg2.connect(_uri(pg_settings)) as connection:
        pass
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name} ENCODING 'LATIN1' LOCALE_PROVIDER libc LOCALE 'C' TEMPLATE template0")
        assert opens(other(pg_settings, postgres_db=name)).found == f"the database {name} is encoded in LATIN1"
        cursor.execute(f"DROP DATABASE {name}")
    connection.close()


def test_a_duckdb_file_that_somebody_holds_names_the_holder(healthy: Settings) -> None:
    code = "import duckdb, sys, time; c = duckdb.connect(sys.argv[1]); print('open', flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code, str(healthy.duckdb_file)], stdout=subprocess.PIPE, text=True) as holder:
        try:
            assert holder.stdout
            holder.stdout.readline()
            finding = found(healthy)["duckdb opens"]
        finally:
            holder.kill()
    assert finding.state is State.FAILED
    assert f"(process {holder.pid})" in finding.found
    assert "python" in finding.found


def test_an_older_and_a_newer_schema_have_different_remedies(healthy: Settings) -> None:
    administer(healthy, "UPDATE alembic_version SET version_num = '0001'")
    assert found(healthy)["postgresql schema"].remedy == "fluxion init"
    administer(healthy, "UPDATE alembic_version SET version_num = '9999'")
    assert "update this program" in found(healthy)["postgresql schema"].remedy


def test_tables_that_somebody_changed_are_named_and_the_file_is_made_again_as_printed(duck_settings: Settings) -> None:
    initialise(App(duck_settings))
    with open_file(duck_settings, write=True) as file:
        file.execute("DROP TABLE rechazos; ALTER TABLE cobertura DROP COLUMN motivo; ALTER TABLE cobertura ALTER leidas TYPE DOUBLE; CREATE TABLE mine (x INT)")
    finding = found(duck_settings)["duckdb schema"]
    wrong = "cobertura.leidas: is DOUBLE, must be INTEGER; cobertura.motivo: the column is missing; rechazos: the table is missing"
    assert (finding.state, finding.found) == (State.FAILED, f"somebody has changed the tables: {wrong}")
    typed(finding, duck_settings)
    assert found(duck_settings)["duckdb schema"].state is State.OK


def test_a_sink_of_another_home_is_named(healthy: Settings) -> None:
    administer(healthy, "UPDATE fluxion_meta SET valor = 'abcdef0123' WHERE clave = 'outbox'")
    finding = found(healthy)["postgresql belongs to this home"]
    assert finding.state is State.FAILED
    assert finding.found.startswith("postgresql belongs to the outbox abcdef01, this home's is ")


def test_a_role_that_may_only_read_is_found(healthy: Settings) -> None:
    role = f"lector_{healthy.postgres_db[-6:]}"
    administer(healthy, f"CREATE ROLE {role} LOGIN PASSWORD 'lee'; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
    try:
        findings = found(other(healthy, postgres_user=role, postgres_password=type(healthy.postgres_password)("lee")))
        assert findings["postgresql opens"].state is State.OK
        assert findings["postgresql reads and writes"].state is State.FAILED
        assert "ventas" in findings["postgresql reads and writes"].found
    finally:
        administer(healthy, f"DROP OWNED BY {role}; DROP ROLE {role}")


def test_sinks_that_answer_differently_are_found(healthy: Settings) -> None:
    administer(healthy, "DELETE FROM ubicaciones WHERE codigo = (SELECT min(codigo) FROM ubicaciones)")
    finding = found(healthy)["same answers"]
    assert (finding.state, finding.found) == (State.FAILED, "DuckDB says 23 ubicaciones, PostgreSQL says 22 ubicaciones")


def test_a_home_that_cannot_be_written_is_found(duck_settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    finding = found(other(duck_settings, fluxion_home=tmp_path / "file" / "home"))["home"]
    assert finding.state is State.FAILED
    assert "FLUXION_HOME" in finding.remedy


@pytest.mark.parametrize("below", ["", "home"])
def test_of_a_home_that_is_a_file_nothing_else_is_said(healthy: Settings, tmp_path: Path, below: str) -> None:
    (tmp_path / "file").write_text("no folder")
    findings = found(other(healthy, fluxion_home=tmp_path / "file" / below, duckdb_path=None))
    assert [name for name, finding in findings.items() if finding.state is State.FAILED] == ["home"]
    assert {findings[name].found for name in ("pause", "duckdb opens", "alerts")} == {"FLUXION_HOME is no folder"}
    assert findings["duckdb schema"].found == "duckdb doesn't open"


def test_a_missing_map_of_locations_is_named_with_its_place(duck_settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(registry, "files", lambda _: tmp_path)
    finding = found(duck_settings)["source"]
    assert (finding.state, finding.found) == (State.FAILED, f"the map of locations, {tmp_path}/ubicaciones.csv, can't be read: No such file or directory")
    assert finding.remedy.startswith("put it there again")


def _uri(settings: Settings) -> str:
    assert settings.postgres_password
    return f"postgresql://{settings.postgres_user}:{settings.postgres_password.get_secret_value()}@{settings.postgres_host}:{settings.postgres_port}/{settings.postgres_db}"


@pytest.fixture
def open_hba(pg_settings: Settings) -> Iterator[None]:
    """A server that trusts everybody for a moment: only such a one admits that it has no such role."""
    with connect(pg_settings) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('hba_file')")
        file = Path((cursor.fetchone() or ("",))[0])
        before = file.read_text()
        file.write_text("host all fluxion_prod 127.0.0.1/32 trust\n" + before)
        try:
            cursor.execute("SELECT pg_reload_conf()")
            yield
        finally:
            file.write_text(before)
            cursor.execute("SELECT pg_reload_conf()")
