"""A sink that can't be used costs seconds, says why and what to do, keeps nothing half written, and holds up no other."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from pydantic import SecretStr

from fluxion_pipeline.contracts.outcomes import SinkName
from fluxion_pipeline.errors import ContractError, ConvergenceError, SinkAway
from fluxion_pipeline.operations.bring_up import bring_up
from fluxion_pipeline.operations.initialise import initialise
from fluxion_pipeline.settings import Settings
from fluxion_pipeline.sinks.converge import converge
from fluxion_pipeline.sinks.duckdb.sink import DuckDBSink
from fluxion_pipeline.sinks.postgresql import connect as connecting
from fluxion_pipeline.sinks.postgresql.connect import connect_raw
from fluxion_pipeline.sinks.postgresql.sink import PostgreSQLSink
from fluxion_pipeline_tests.support.commands import FLUXION, finish, fluxion, start
from fluxion_pipeline_tests.support.home import DAY, Home, two_stores
from fluxion_pipeline_tests.support.readings import catalogue, invoices, sales


@contextmanager
def listener() -> Iterator[int]:
    """The port of a server that accepts and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        held: list[socket.socket] = []
        server.settimeout(0.1)
        stop = threading.Event()

        def accept() -> None:
            while not stop.is_set():
                try:
                    held.append(server.accept()[0])
                except TimeoutError:
                    continue

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            stop.set()
            thread.join()
            for connection in held:
                connection.close()


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def away(settings: Settings, **changes: object) -> SinkAway:
    """The error that such settings give, in seconds."""
    begun = time.monotonic()
    with pytest.raises(SinkAway) as caught, PostgreSQLSink(settings.model_copy(update=changes)).session():
        pass
    assert time.monotonic() - begun < 8
    assert caught.value.sink == "postgresql"
    assert "\n" not in str(caught.value)
    return caught.value


CASES: dict[str, tuple[Callable[[], dict[str, object]], str, str]] = {
    "no server": (lambda: {"postgres_port": closed_port()}, "is away: .*refused", "start your server"),
    "an unknown host": (lambda: {"postgres_host": "host.invalid"}, "is away: .*host.invalid", "start your server"),
    "a wrong password": (lambda: {"postgres_password": SecretStr("so secret")}, "refused the login: password authentication failed", "POSTGRES_PASSWORD"),
    "an unknown user": (lambda: {"postgres_user": "nobody_at_all"}, "refused the login", "POSTGRES_USER"),
    "no such database": (lambda: {"postgres_db": "nowhere"}, 'hasn\'t that database: database "nowhere"', "POSTGRES_DB"),
    "no schema": (dict, "schema of PostgreSQL is not there", "fluxion init"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_server_that_can_not_be_used_says_why_and_what_to_do(bare_settings: Settings, case: str) -> None:
    changes, what, remedy = CASES[case]
    error = away(bare_settings, **changes())
    assert re.search(what, error.what), error.what
    assert remedy in error.remedy
    assert "so secret" not in str(error)


def test_a_server_that_never_answers_costs_seconds(pg_settings: Settings) -> None:
    with listener() as port:
        assert "timeout" in away(pg_settings, postgres_port=port).what


def test_an_older_schema_is_named_on_both(home: Home, engine: SinkName) -> None:
    home.run(engine, "UPDATE alembic_version SET version_num = '0001'")
    with pytest.raises(SinkAway, match="is at 0001, head is") as caught:
        home.converge(engine)
    assert caught.value.remedy == "fluxion init"


def test_a_server_that_goes_away_in_the_middle_keeps_nothing(home: Home) -> None:
    two_stores(home)

    def broken_off() -> None:
        with PostgreSQLSink(home.settings).session() as session:
            session.set_meta({"half": "written"})
            home.run(SinkName.POSTGRESQL, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%'")
            session.set_meta({"half": "more"})

    with pytest.raises(SinkAway, match="is away"):
        broken_off()
    assert home.run(SinkName.POSTGRESQL, "SELECT count(*) FROM fluxion_meta WHERE clave = 'half'") == [(0,)]
    home.converge(SinkName.POSTGRESQL)
    home.assert_equal(SinkName.POSTGRESQL)


def test_a_lock_that_somebody_holds_is_waited_for_and_then_named(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    two_stores(home)
    monkeypatch.setattr(connecting, "_OPTIONS", connecting._OPTIONS.replace("lock_timeout=20s", "lock_timeout=1s"))
    holder = connect_raw(home.settings)
    try:
        with holder.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(hashtextextended('fluxion:SUC001', 0))")
        with pytest.raises(SinkAway, match="kept us waiting for a lock: .*lock timeout"):
            home.converge(SinkName.POSTGRESQL)
    finally:
        holder.close()
    home.converge(SinkName.POSTGRESQL)
    home.assert_equal(SinkName.POSTGRESQL)


def test_the_first_sink_is_complete_while_the_second_is_away_and_catches_up(home: Home) -> None:
    two_stores(home)
    with pytest.raises(SinkAway):
        bring_up(Home(home.settings.model_copy(update={"postgres_port": closed_port()})).app, SinkName.POSTGRESQL)
    bring_up(home.app, SinkName.DUCKDB)
    home.assert_equal(SinkName.DUCKDB)
    home.land(sales("SUC001", DAY, invoices(1, 2), 9))
    bring_up(home.app, SinkName.POSTGRESQL)
    home.assert_equal(SinkName.POSTGRESQL)


HOLD = "import duckdb, sys; c = duckdb.connect(sys.argv[1], read_only=sys.argv[2] == 'r'); print('open', flush=True); sys.stdin.read()"


@pytest.mark.parametrize("how", ["r", "w"])
def test_a_duckdb_file_that_another_program_has_open_names_program_and_process(home: Home, how: str) -> None:
    two_stores(home)
    with subprocess.Popen([sys.executable, "-c", HOLD, str(home.settings.duckdb_file), how], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        begun = time.monotonic()
        with pytest.raises(SinkAway) as caught:
            converge(DuckDBSink(home.settings, wait=1), home.outbox)
        assert time.monotonic() - begun < 5
        assert f"process {other.pid}" in caught.value.what
        assert "python" in caught.value.what
        assert f"kill {other.pid}" in caught.value.remedy
        home.converge(SinkName.POSTGRESQL)
        other.communicate()
    home.assert_equal(SinkName.POSTGRESQL)
    home.converge(SinkName.DUCKDB)
    home.assert_equal(SinkName.DUCKDB)


def test_a_duckdb_file_that_is_none_is_an_error_with_a_remedy(duck_settings: Settings) -> None:
    duck_settings.home.mkdir()
    duck_settings.duckdb_file.write_bytes(b"no database at all" * 1000)
    (step,) = initialise(Home(duck_settings).app)
    assert isinstance(step.error, SinkAway)
    assert "can't be opened" in step.error.what
    assert step.error.remedy


def test_looking_at_a_sink_that_was_never_made_makes_no_file(duck_settings: Settings) -> None:
    with pytest.raises(SinkAway, match="doesn't exist yet"), DuckDBSink(duck_settings).session():
        pass
    assert not duck_settings.duckdb_file.exists()


def test_a_full_disk_keeps_nothing_half_written_and_says_so(home: Home) -> None:
    two_stores(home)
    home.land(catalogue([{"codigo": f"{n:06d}", "descripcion": f"{n}" * 40} for n in range(30_000)], 1))
    for sink in (SinkName.POSTGRESQL, SinkName.DUCKDB):
        home.converge(sink, "SUC001", "SUC007")
    limit = home.settings.duckdb_file.stat().st_size // 1024 + 200  # a file may grow by 200 KB, then the disk is full
    done = finish(start(home.settings, program=("sh", "-c", f"ulimit -f {limit * 2}; exec {FLUXION} sync --to duckdb")))
    assert done.code == 2, done.text
    assert "disk is full" in done.err
    assert "Traceback" not in done.text
    assert home.run(SinkName.DUCKDB, "SELECT count(*) FROM productos") == [(0,)]
    assert fluxion(home.settings, "sync").code == 0
    home.assert_equal()


def test_an_image_that_is_damaged_blocks_its_own_location_and_is_named(home: Home, engine: SinkName) -> None:
    two_stores(home)
    (image,) = home.outbox.index.images("SUC001", "ventas")
    image.file.chmod(0o644)
    whole = image.file.read_bytes()
    image.file.write_bytes(whole[: len(whole) // 2])
    report = converge(home.app.sink(engine), home.outbox)
    assert list(report.failures) == ["SUC001"]
    assert str(image.file) in report.failures["SUC001"]
    assert "backup" in report.failures["SUC001"]
    assert home.run(engine, "SELECT ubicacion_codigo, count(*) FROM ventas GROUP BY 1") == [("SUC007", 4)]
    assert home.run(engine, "SELECT count(*) FROM inventario_actual WHERE ubicacion_codigo = 'SUC001'") == [(0,)]
    with pytest.raises(ConvergenceError, match="SUC001"):
        bring_up(home.app, engine)
    image.file.write_bytes(whole)
    home.converge(engine)
    home.assert_equal(engine)


def test_an_image_that_the_engine_refuses_blocks_its_own_location(home: Home) -> None:
    two_stores(home)
    home.run(SinkName.POSTGRESQL, "ALTER TABLE ventas ADD CONSTRAINT nine CHECK (ubicacion_codigo <> 'SUC007' OR numero_factura <> '00000003')")
    report = converge(home.app.sink(SinkName.POSTGRESQL), home.outbox)
    assert list(report.failures) == ["SUC007"]
    assert "nine" in report.failures["SUC007"]
    assert home.run(SinkName.POSTGRESQL, "SELECT ubicacion_codigo, count(*) FROM ventas GROUP BY 1") == [("SUC001", 10)]
    home.run(SinkName.POSTGRESQL, "ALTER TABLE ventas DROP CONSTRAINT nine")
    home.converge(SinkName.POSTGRESQL)
    home.assert_equal(SinkName.POSTGRESQL)


def test_an_error_of_a_sink_is_one_of_ours(home: Home, engine: SinkName) -> None:
    with pytest.raises(ConvergenceError, match="nowhere"):
        home.app.sink(engine).query("SELECT * FROM nowhere")
    with pytest.raises(ContractError, match="no column «no_such_column»"):
        home.app.sink(engine).read("ventas", ["no_such_column"])
