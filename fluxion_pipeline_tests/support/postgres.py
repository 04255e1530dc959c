"""One real PostgreSQL server for a whole test session, and an empty database for each test that asks.

The server is the program's own embedded one, in a temporary home. Under xdist all workers use the
same home: the one that needs the server first starts it, the controlling process stops it.
``FLUXION_TESTS_SERVER`` names another one in its place, of any version: ``postgresql://user:password@host:port``.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg2
from psycopg2 import sql
from pydantic import SecretStr
from sqlalchemy.engine import make_url

from fluxion_pipeline.settings import Settings, load
from fluxion_pipeline.sinks.duckdb.sink import DuckDBSink
from fluxion_pipeline.sinks.embedded.server import EmbeddedServer, ServerAddress
from fluxion_pipeline.sinks.postgresql.sink import PostgreSQLSink

HOME_VARIABLE = "FLUXION_TESTS_POSTGRES_HOME"
"""Through the environment xdist's workers know the controlling process's server."""

SERVER_VARIABLE = "FLUXION_TESTS_SERVER"
"""A server that runs already, where the embedded one isn't meant; its user may make databases and change settings."""

_WATCH = """
while kill -0 "$1" 2>/dev/null; do sleep 2; done
kill -INT $(head -n 1 "$2/postgres/data/postmaster.pid") 2>/dev/null && sleep 3
rm -rf "$2"
"""


def open_session() -> None:
    """Choose the home of the session's server; nothing is started yet. Called in the controlling process."""
    home = tempfile.mkdtemp(prefix="fluxion-tests-")
    Path(home).chmod(0o711)  # the server's OS user may pass, when the tests run as root
    os.environ[HOME_VARIABLE] = home
    # A killed test run must leave no server behind.
    subprocess.Popen(
        ["/bin/sh", "-c", _WATCH, "sh", str(os.getpid()), home],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def close_session() -> None:
    """Stop the session's server, if anybody started it, and remove its home."""
    home = os.environ.pop(HOME_VARIABLE, None)
    if home:
        if (named := _named()) is not None:
            drop_database(named, _template(Path(home)))
        EmbeddedServer(Path(home)).stop()
        shutil.rmtree(home, ignore_errors=True)


def session_server() -> ServerAddress:
    """The session's server, started when it isn't running; or the one that the environment names."""
    return _named() or quick(EmbeddedServer(Path(os.environ[HOME_VARIABLE]), database="postgres"))


def _named() -> ServerAddress | None:
    if not os.environ.get(SERVER_VARIABLE):
        return None
    url = make_url(os.environ[SERVER_VARIABLE])
    return ServerAddress(url.host or "127.0.0.1", url.port or 5432, url.username or "postgres", SecretStr(str(url.password)), url.database or "postgres")


@contextmanager
def server_alone() -> Iterator[ServerAddress]:
    """A server of one file's tests: a transaction that another worker's test leaves open for a moment is open on the whole server."""
    if named := _named():
        yield named
        return
    home = Path(tempfile.mkdtemp(prefix="fluxion-alone-"))
    home.chmod(0o711)
    server = EmbeddedServer(home, database="postgres")
    try:
        yield quick(server)
    finally:
        server.stop()
        shutil.rmtree(home, ignore_errors=True)


def quick(server: EmbeddedServer) -> ServerAddress:
    """Started where it isn't running, and made quick: what a crash loses is a test's, and nobody guesses at its password."""
    address = server.ensure()
    with closing(_administrator(address)) as connection, connection.cursor() as cursor:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            cursor.execute(sql.SQL("ALTER SYSTEM SET {} = off").format(sql.Identifier(setting)))
        cursor.execute("SELECT pg_reload_conf()")
        cursor.execute("SELECT pg_advisory_lock(1)")
        cursor.execute("SELECT 1 FROM pg_authid WHERE rolname = current_user AND rolpassword LIKE 'SCRAM-SHA-256$1:%'")
        if not cursor.fetchall():
            # Each login hashes the password so many times, 4096 by default: most of what a connection costs.
            cursor.execute("SET scram_iterations = 1")
            secret = address.password.get_secret_value()
            cursor.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(address.user), sql.Literal(secret)))
    return address


@contextmanager
def fresh_database(server: ServerAddress, template: str = "template1") -> Iterator[str]:
    """The name of a new database, empty or a copy of another one, which is dropped in the end, whoever is still in it."""
    name = f"test_{secrets.token_hex(6)}"
    copy_database(server, name, template)
    try:
        yield name
    finally:
        drop_database(server, name)


def at_head(server: ServerAddress) -> str:
    """The name of a database that is at head and nobody's, to be copied: migrated once on each server of a session."""
    home = Path(os.environ[HOME_VARIABLE])
    name, made = _template(home), home / f"at-head-{server.port}"
    with (home / "at-head.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            copy_database(server, name, "template1")
            PostgreSQLSink(settings_for(server, name, home)).migrate()
            made.touch()
    return name


def file_at_head(settings: Settings) -> None:
    """Where a home has no DuckDB file yet, one that is at head and nobody's: migrated once in a session."""
    if settings.duckdb_file.exists():
        return
    home = Path(os.environ[HOME_VARIABLE]) / "duckdb"
    template = load({"FLUXION_HOME": str(home), "DB_MODE": "duckdb"})
    with (home.parent / "duckdb.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not template.duckdb_file.exists():
            home.mkdir()
            DuckDBSink(template).migrate()
    settings.home.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(template.duckdb_file, settings.duckdb_file)


def _template(home: Path) -> str:
    return re.sub("[^a-z0-9]", "_", home.name.lower())


def copy_database(server: ServerAddress, name: str, template: str) -> None:
    """Make a database a copy of another one, file by file; what stood under the name is gone, whoever is still in it."""
    drop_database(server, name)
    with closing(_administrator(server)) as connection, connection.cursor() as cursor:
        cursor.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy").format(sql.Identifier(name), sql.Identifier(template)))


def drop_database(server: ServerAddress, name: str) -> None:
    """Drop a database, whoever is still in it."""
    with closing(_administrator(server)) as connection, connection.cursor() as cursor:
        cursor.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def settings_for(server: ServerAddress, database: str, home: Path, mode: str = "dual") -> Settings:
    """Settings of a home of its own whose PostgreSQL is a database of the session's server."""
    return load(
        {
            "FLUXION_HOME": str(home),
            "DB_MODE": mode,
            "POSTGRES_HOST": server.host,
            "POSTGRES_PORT": str(server.port),
            "POSTGRES_DB": database,
            "POSTGRES_USER": server.user,
            "POSTGRES_PASSWORD": server.password.get_secret_value(),
        }
    )


def environment_of(settings: Settings) -> dict[str, str]:
    """The environment variables that make a subprocess see the same settings; for ``subprocess.run(env={**os.environ, **…})``."""
    secret = settings.postgres_password.get_secret_value() if settings.postgres_password else ""
    said = {
        "FLUXION_HOME": str(settings.home),
        "DB_MODE": str(settings.db_mode),
        "POSTGRES_HOST": settings.postgres_host or "",
        "POSTGRES_PORT": str(settings.postgres_port),
        "POSTGRES_DB": settings.postgres_db,
        "POSTGRES_USER": settings.postgres_user,
        "POSTGRES_PASSWORD": secret,
        "FLUXION_SOURCE_PATH": str(settings.fluxion_source_path or ""),
        "FLUXION_SOURCE": settings.fluxion_source,
        "KLK_BASE_URL": settings.klk_base_url or "",
        "KLK_CONNECT_TIMEOUT": str(settings.klk_connect_timeout),
        "KLK_READ_TIMEOUT": str(settings.klk_read_timeout),
        "KLK_TOTAL_TIMEOUT": str(settings.klk_total_timeout),
    }
    return {name: value for name, value in said.items() if value}


def _administrator(server: ServerAddress) -> psycopg2.extensions.connection:
    connection = psycopg2.connect(
        host=server.host,
        port=server.port,
        user=server.user,
        password=server.password.get_secret_value(),
        dbname="postgres",
        connect_timeout=10,
        sslmode="disable",
    )
    connection.autocommit = True
    return connection
