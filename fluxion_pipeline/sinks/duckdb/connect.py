"""How the DuckDB file is opened: under one fair OS lock, for as short as it can be.

DuckDB lets one process write, and an open reader keeps a writer of another process out. So every
opener of this project holds the lock beside the file; a foreign opener (a person's shell) is waited
for and then reported as a sink that is away, by name and process id.
"""

from __future__ import annotations

import os
import re
import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from fluxion_pipeline.errors import BusyError, ConvergenceError, FluxionError, SinkAway
from fluxion_pipeline.locks import hold
from fluxion_pipeline.settings import Settings

MEMORY_LIMIT = "2GB"
"""DuckDB's own default is most of the machine."""

_LOCKED = re.compile(r"Conflicting lock is held in (?P<program>.*?) \(PID (?P<pid>\d+)\)")

_BROKEN = re.compile(r"not a valid DuckDB|Corrupt database")
_FULL = re.compile(r"No space left on device|File too large|could not write all bytes", re.IGNORECASE)


def lock_path(file: Path) -> Path:
    """The lock that every opener of a DuckDB file holds."""
    return file.with_name(file.name + ".lock")


@contextmanager
def open_file(settings: Settings, *, write: bool, wait: float = 20.0, purpose: str = "", create: bool = True) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to the DuckDB file, closed at the end of the block.

    Args:
        settings: where the file is.
        write: exclusive and writable, or shared with other readers and read-only.
        wait: seconds to wait for other holders of the file.
        purpose: what for, shown to those who wait.
        create: make the file when it isn't there (only with ``write``).

    Raises:
        SinkAway: if the file isn't there or can't be opened, or somebody holds it for too long.
    """
    file = settings.duckdb_file
    _check_folder(file)
    if not (write and create) and not file.exists():
        raise SinkAway("duckdb", f"{file} doesn't exist yet", "fluxion init")
    deadline = time.monotonic() + wait
    try:
        with hold(lock_path(file), exclusive=write, wait=wait, purpose=purpose or "fluxion"):
            connection = _connect(file, write, deadline)
            try:
                configure(connection, settings.home / "tmp" / "duckdb")
                yield connection
            finally:
                connection.close()
    except BusyError as error:
        raise SinkAway("duckdb", f"the DuckDB file is busy: {error.what}", error.remedy) from error


def _check_folder(file: Path) -> None:
    """The lock lies beside the file, so its folder must take files."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        why = "" if os.access(file.parent, os.W_OK | os.X_OK) else "it takes no files"
    except OSError as error:
        why = error.strerror or str(error)
    if why:
        raise SinkAway("duckdb", f"the folder of the DuckDB file, {file.parent}, can't be used: {why}", "set DUCKDB_PATH to a file that can be written")


def configure(connection: duckdb.DuckDBPyConnection, spill: Path) -> None:
    """The session settings that all code relies on: UTC, a memory limit, where it may spill."""
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(f"SET memory_limit = '{MEMORY_LIMIT}'")
    connection.execute("SET temp_directory = '" + str(spill).replace("'", "''") + "'")
    connection.execute("SET preserve_insertion_order = true")


def _connect(file: Path, write: bool, deadline: float) -> duckdb.DuckDBPyConnection:
    while True:
        try:
            return duckdb.connect(str(file), read_only=not write)
        except duckdb.IOException as error:
            held = _LOCKED.search(str(error))
            if held and time.monotonic() < deadline:
                time.sleep(0.2)
                continue
            raise _away(file, error, held) from error
        except duckdb.Error as error:
            raise _away(file, error, None) from error


def _away(file: Path, error: Exception, held: re.Match[str] | None) -> SinkAway:
    if held:
        remedy = f"close that program, or: kill {held['pid']}"
        return SinkAway("duckdb", f"{file.name} is open in {held['program']} (process {held['pid']})", remedy)
    remedy = "check the file, its folder and the free space of the disk"
    if _BROKEN.search(str(error)):
        remedy = anew(file)
    return SinkAway("duckdb", f"{file} can't be opened: {str(error).splitlines()[0]}", remedy)


def anew(file: Path) -> str:
    """How a file that is beyond repair is made again, as a remedy: nothing of it is lost."""
    moved = " && ".join(f"mv {shlex.quote(str(x))} {shlex.quote(f'{x}.broken')}" for x in (file, file.with_name(file.name + ".wal")) if x.exists())
    return f"it is made again from the lotes: {moved} && fluxion init && fluxion sync --to duckdb"


def said(error: duckdb.Error, sink: str = "duckdb") -> FluxionError:
    """DuckDB's error while it works for a sink: a full disk is waited out, anything else has to be mended."""
    text = str(error).strip().splitlines()[0]
    if _FULL.search(str(error)):
        return SinkAway(sink, f"{sink}: the disk is full: {text}", "free space, and run it again: nothing of the transaction was kept")
    return ConvergenceError(f"{sink}: {text}", "run fluxion doctor; nothing of the transaction was kept")
