"""``fluxion db`` in processes of its own, with the embedded server and with another one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

from fluxion_pipeline.settings import Settings
from fluxion_pipeline.sinks.embedded.server import EmbeddedServer
from fluxion_pipeline_tests.support.postgres import environment_of

COMMAND = [sys.executable, "-c", "from fluxion_pipeline.cli.db import app; app()"]


def run(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("POSTGRES_", "FLUXION_", "DB_"))}
    return subprocess.run([*COMMAND, *arguments], env={**outside, **environment}, capture_output=True, text=True, timeout=90, check=False)


@pytest.fixture(scope="module")
def embedded() -> Iterator[dict[str, str]]:
    """The environment of a home whose server is the embedded one."""
    with tempfile.TemporaryDirectory(prefix="fluxion-db-") as folder:
        Path(folder).chmod(0o711)
        home = Path(folder) / "home"
        yield {"FLUXION_HOME": str(home)}
        EmbeddedServer(home).stop()


def test_a_new_home_has_no_server_yet(embedded: dict[str, str]) -> None:
    done = run({"FLUXION_HOME": embedded["FLUXION_HOME"] + "-none"}, "status", "--json")
    assert (done.returncode, json.loads(done.stdout)["state"]) == (1, "absent")
    assert run({"FLUXION_HOME": embedded["FLUXION_HOME"] + "-none"}, "stop").stdout == "PostgreSQL wasn't running\n"


def test_dsn_starts_the_server_and_prints_nothing_but_the_uri(embedded: dict[str, str]) -> None:
    done = run(embedded, "dsn")
    assert (done.returncode, done.stderr) == (0, "")
    uri = done.stdout.removesuffix("\n")
    assert uri.startswith("postgresql://fluxion:")
    assert uri.endswith("/fluxion_production")
    psycopg2.connect(uri).close()


def test_psql_hands_its_arguments_and_exit_code_on(embedded: dict[str, str]) -> None:
    done = run(embedded, "psql", "--", "-X", "-A", "-t", "-c", "select current_user || '@' || current_database()")
    assert (done.returncode, done.stdout) == (0, "fluxion@fluxion_production\n")
    assert run(embedded, "psql", "--", "-X", "-v", "ON_ERROR_STOP=1", "-c", "select 1/0").returncode == 1


def test_psql_ignores_foreign_libpq_variables(embedded: dict[str, str]) -> None:
    done = run({**embedded, "PGHOST": "192.0.2.1", "PGHOSTADDR": "192.0.2.1", "PGOPTIONS": "--no-such", "PGPORT": "1"}, "psql", "--", "-XAtc", "select 1")
    assert done.stdout == "1\n"


def test_start_status_and_stop_say_what_is(embedded: dict[str, str]) -> None:
    started = run(embedded, "start")
    assert started.returncode == 0
    assert "runs on 127.0.0.1:" in started.stdout
    now = run(embedded, "status")
    assert now.returncode == 0
    assert "state: running\n" in now.stdout
    assert f"data: {embedded['FLUXION_HOME']}/postgres/data\n" in now.stdout
    assert run(embedded, "stop").stdout == "PostgreSQL has stopped\n"
    assert run(embedded, "status").returncode == 1


def test_another_server_is_shown_but_neither_started_nor_stopped(pg_settings: Settings) -> None:
    environment = environment_of(pg_settings)
    for word in ("start", "stop"):
        done = run(environment, word)
        assert (done.returncode, done.stdout) == (2, "")
        assert "isn't ours to start or stop" in done.stderr
    now = json.loads(run(environment, "status", "--json").stdout)
    assert (now["state"], now["database"]) == ("running", pg_settings.postgres_db)
    uri = run(environment, "dsn").stdout.strip()
    with psycopg2.connect(uri) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT current_database()")
        assert cursor.fetchone() == (pg_settings.postgres_db,)
    connection.close()
    assert run(environment, "psql", "--", "-XAtc", "select current_database()").stdout == pg_settings.postgres_db + "\n"


def test_a_psql_on_the_path_that_does_not_work_is_not_used(pg_settings: Settings, tmp_path: Path) -> None:
    broken = tmp_path / "bin" / "psql"
    broken.parent.mkdir()
    broken.write_text("#!/bin/sh\necho 'no client is installed' >&2\nexit 1\n")
    broken.chmod(0o755)
    environment = environment_of(pg_settings) | {"PATH": f"{broken.parent}:{os.environ['PATH']}"}
    assert run(environment, "psql", "--", "-XAtc", "select 7").stdout == "7\n"


def test_another_server_that_is_off_is_away(pg_settings: Settings) -> None:
    done = run({**environment_of(pg_settings), "POSTGRES_PORT": "1"}, "status", "--json")
    assert (done.returncode, json.loads(done.stdout)["state"]) == (1, "away")
    assert "Connection refused" in json.loads(done.stdout)["why"]
