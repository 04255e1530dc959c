"""Making, starting, finding and stopping the server."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import psycopg2
import pytest

from fluxion_pipeline.errors import PermanentError, SinkAway
from fluxion_pipeline.sinks.embedded import memory, privileges
from fluxion_pipeline.sinks.embedded.server import EmbeddedServer, ServerAddress, ServerState

START = """
import sys, time
from pathlib import Path
from fluxion_pipeline.sinks.embedded.server import EmbeddedServer
print(EmbeddedServer(Path(sys.argv[1])).ensure().uri(), flush=True)
time.sleep(float(sys.argv[2]))
"""


def query(address: ServerAddress, text: str) -> list[tuple[Any, ...]]:
    with closing(psycopg2.connect(address.uri(), connect_timeout=5)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(text)
            return cursor.fetchall() if cursor.description else []


def kill_hard(server: EmbeddedServer) -> None:
    pid = server.status().pid
    assert pid
    os.kill(pid, signal.SIGKILL)


def test_the_object_alone_touches_nothing(tmp_path: Path) -> None:
    server = EmbeddedServer(tmp_path / "home")
    assert server.address() is None
    assert not server.running()
    assert server.status().state is ServerState.ABSENT
    assert not server.stop()
    assert not (tmp_path / "home").exists()


def test_the_server_is_what_both_sinks_need(shared: EmbeddedServer) -> None:
    address = shared.ensure()
    wanted = {
        "server_encoding": "UTF8",
        "TimeZone": "UTC",
        "log_timezone": "UTC",
        "data_checksums": "on",
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "password_encryption": "scram-sha-256",
        "port": str(address.port),
        "data_directory": str(shared.status().data),
    }
    assert {name: query(address, f"SHOW {name}")[0][0] for name in wanted} == wanted
    assert query(address, "SELECT datlocprovider, datlocale FROM pg_database WHERE datname = current_database()") == [("b", "C.UTF-8")]
    assert query(address, "SELECT current_database(), current_user") == [("fluxion_production", "fluxion")]
    assert query(address, "SELECT DISTINCT auth_method FROM pg_hba_file_rules WHERE type = 'host'") == [("scram-sha-256",)]


def test_no_other_password_opens_it(shared: EmbeddedServer) -> None:
    address = shared.ensure()
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        psycopg2.connect(host=address.host, port=address.port, user=address.user, password="fluxion", dbname=address.database)


def test_the_password_is_random_closed_and_never_shown(shared: EmbeddedServer, open_folder: Path) -> None:
    address = shared.ensure()
    secret = address.password.get_secret_value()
    file = shared.status().data.parent / "connection.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(secret) >= 24
    assert secret in file.read_text()
    assert secret not in repr(address)
    assert secret not in repr(memory.read(file))
    assert secret not in " ".join(psutil.Process(shared.status().pid).cmdline())
    assert memory.Memory.fresh("fluxion").password != memory.Memory.fresh("fluxion").password


def test_a_running_server_is_found_without_running_any_program(shared: EmbeddedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    first = shared.ensure()
    pid = shared.status().pid
    monkeypatch.setattr(privileges, "choose", lambda *_: pytest.fail("looked for a way to run a program"))
    assert EmbeddedServer(shared.status().data.parents[1]).ensure() == first
    assert shared.status().pid == pid


def test_a_missing_database_is_made(shared: EmbeddedServer) -> None:
    other = EmbeddedServer(shared.status().data.parents[1], database="otra «base»")
    assert query(other.ensure(), "SELECT current_database()") == [("otra «base»",)]


def test_another_user_than_the_remembered_one_is_refused(shared: EmbeddedServer) -> None:
    with pytest.raises(PermanentError, match="user is fluxion, not maria"):
        EmbeddedServer(shared.status().data.parents[1], user="maria", database="nueva").ensure()


def test_stop_and_start_keep_rows_port_and_password(open_folder: Path) -> None:
    server = EmbeddedServer(open_folder / "home")
    address = server.ensure()
    query(address, "CREATE TABLE t AS SELECT 1 AS x")
    running = server.status()
    assert (running.state, running.port) == (ServerState.RUNNING, address.port)
    assert running.size > 10_000_000
    assert server.stop()
    assert not server.stop()
    assert (server.status().state, server.status().pid) == (ServerState.STOPPED, None)
    assert server.address() == address
    assert server.ensure() == address
    assert query(address, "SELECT x FROM t") == [(1,)]


def test_a_killed_server_comes_back_with_every_acknowledged_row(open_folder: Path) -> None:
    server = EmbeddedServer(open_folder / "home")
    query(server.ensure(), "CREATE TABLE t AS SELECT g FROM generate_series(1, 20000) g")
    with closing(psycopg2.connect(server.ensure().uri())) as bystander, bystander.cursor() as cursor:
        cursor.execute("SELECT 1")
        kill_hard(server)
        assert query(server.ensure(), "SELECT count(*) FROM t") == [(20000,)]


def test_the_server_outlives_the_session_that_started_it(open_folder: Path) -> None:
    home = open_folder / "home"
    with subprocess.Popen([sys.executable, "-c", START, str(home), "60"], stdout=subprocess.PIPE, text=True, start_new_session=True) as starter:
        assert starter.stdout
        uri = starter.stdout.readline().strip()
        os.killpg(starter.pid, signal.SIGKILL)
    server = EmbeddedServer(home)
    pid = server.status().pid
    assert pid
    assert os.getsid(pid) != starter.pid
    assert psutil.Process(pid).terminal() is None
    assert server.ensure().uri() == uri
    assert server.status().pid == pid


def test_a_start_never_holds_a_pipe_open(open_folder: Path) -> None:
    done = subprocess.run([sys.executable, "-c", START, str(open_folder / "home"), "0"], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.startswith("postgresql://fluxion:")


def test_starters_at_the_same_time_get_one_server(open_folder: Path) -> None:
    starters = [subprocess.Popen([sys.executable, "-c", START, str(open_folder / "home"), "0"], stdout=subprocess.PIPE, text=True) for _ in range(4)]
    answers = {starter.communicate(timeout=90)[0] for starter in starters}
    assert [starter.returncode for starter in starters] == [0, 0, 0, 0]
    assert len(answers) == 1
    servers = [
        p.pid
        for p in psutil.process_iter(["cmdline"])
        if str(open_folder) in (p.info["cmdline"] or []) or str(open_folder / "home/postgres/data") in (p.info["cmdline"] or [])
    ]
    assert len(servers) == 1


def test_a_process_id_that_is_somebody_elses_by_now_is_no_server(open_folder: Path) -> None:
    server = EmbeddedServer(open_folder / "home")
    address = server.ensure()
    pid_file = server.status().data / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    server.stop()
    owner = {"user": pid_file.parent.stat().st_uid} if os.geteuid() == 0 else {}
    with subprocess.Popen(["sleep", "60"], cwd="/", **owner) as other:  # of the server's own OS user: PostgreSQL itself would wait for it
        pid_file.write_text("\n".join([str(other.pid), *lines[1:]]) + "\n")
        assert not server.running()
        assert not server.stop()
        assert server.ensure() == address
        assert other.poll() is None
        other.kill()


def test_a_taken_port_is_left_and_the_new_one_remembered(open_folder: Path) -> None:
    server = EmbeddedServer(open_folder / "home")
    before = server.ensure()
    server.stop()
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind((before.host, before.port))
        other.listen()
        after = server.ensure()
        assert after.port != before.port
        assert after.password == before.password
    server.stop()
    assert server.ensure() == after


def test_a_copied_home_gets_a_server_of_its_own(open_folder: Path) -> None:
    first = EmbeddedServer(open_folder / "home")
    query(first.ensure(), "CREATE TABLE t AS SELECT 'first' AS x")
    first.stop()
    first.ensure()
    shutil.copytree(open_folder / "home", open_folder / "copy")
    second = EmbeddedServer(open_folder / "copy")
    assert not second.running()
    assert second.ensure().port != first.ensure().port
    query(second.ensure(), "UPDATE t SET x = 'second'")
    assert query(first.ensure(), "SELECT x FROM t") == [("first",)]


def test_a_part_of_a_data_folder_is_named_and_left_alone(open_folder: Path) -> None:
    server = EmbeddedServer(open_folder)
    (server.status().data / "base").mkdir(parents=True)
    with pytest.raises(SinkAway, match="can't be started: .*data has no file PG_VERSION"):
        server.ensure()
    assert [x.name for x in server.status().data.iterdir()] == ["base"]


def test_a_data_folder_of_another_major_version_is_named_and_left_alone(open_folder: Path) -> None:
    server = EmbeddedServer(open_folder / "home")
    server.ensure()
    server.stop()
    (server.status().data / "PG_VERSION").write_text("16\n")
    with pytest.raises(PermanentError, match="made by PostgreSQL 16, and the installed programs are of PostgreSQL 18"):
        server.ensure()


def test_a_start_that_fails_says_what_the_server_said(open_folder: Path) -> None:
    server = EmbeddedServer(open_folder / "home")
    server.ensure()
    server.stop()
    (server.status().data / "postgresql.auto.conf").write_text("shared_buffers = 'mucho'\n")
    begin = time.monotonic()
    with pytest.raises(SinkAway, match="shared_buffers"):
        server.ensure()
    assert time.monotonic() - begin < 10


def test_a_lost_password_file_is_made_anew_and_the_rows_stay(open_folder: Path) -> None:
    server = EmbeddedServer(open_folder / "home")
    before = server.ensure()
    query(before, "CREATE TABLE t AS SELECT 1 AS x")
    (server.status().data.parent / "connection.json").unlink()
    after = server.ensure()
    assert after.password != before.password
    assert query(after, "SELECT x FROM t") == [(1,)]


def test_a_start_that_was_interrupted_half_way_is_made_again(open_folder: Path) -> None:
    folder = open_folder / "home" / "postgres"
    (folder / "data.new" / "base").mkdir(parents=True)
    (folder / "data.new" / "PG_VERSION").write_text("18\n")
    (folder / "initdb.secret").write_text("half")
    (folder / "connection.json").write_text('{"port": 2')
    server = EmbeddedServer(open_folder / "home")
    assert query(server.ensure(), "SELECT 1") == [(1,)]
    assert not (folder / "data.new").exists()
    assert not (folder / "initdb.secret").exists()


def test_a_home_with_a_hostile_name_works(open_folder: Path) -> None:
    server = EmbeddedServer(open_folder / "mi casa $(touch x) \"y\" 'z' ñ")
    assert query(server.ensure(), "SELECT 1") == [(1,)]


def test_foreign_libpq_variables_change_nothing(open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"PGPORT": "1", "PGHOST": "192.0.2.1", "PGDATA": "/nonexistent", "PGUSER": "x", "LD_LIBRARY_PATH": "/nonexistent"}.items():
        monkeypatch.setenv(name, value)
    assert query(EmbeddedServer(open_folder / "home").ensure(), "SELECT current_user") == [("fluxion",)]


def test_a_server_that_somebody_paused_is_away_at_once_and_named(shared: EmbeddedServer) -> None:
    shared.ensure()
    pid = shared.status().pid
    assert pid
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(SinkAway, match=rf"process {pid}\) is paused") as caught:
            shared.ensure(timeout=200)
        assert caught.value.remedy == f"kill -CONT {pid}"
    finally:
        os.kill(pid, signal.SIGCONT)
    assert query(shared.ensure(), "SELECT 1") == [(1,)]
