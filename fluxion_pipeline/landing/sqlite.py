"""The outbox's SQLite files: a connection per thread and file, a transaction per block.

What they hold can always be made anew from manifests and logs. That they are kept open is what makes
a landing of a few rows cheap; a file that was replaced meanwhile is noticed and opened again.
"""

from __future__ import annotations

import os
import shlex
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from fluxion_pipeline.errors import OutboxError


class Database:
    """One file. Safe for threads and processes."""

    def __init__(self, path: Path, ddl: str = "") -> None:
        """Remember where it is, and the statements that make its tables."""
        self.path, self.ddl = path, ddl
        self._local = threading.local()

    @contextmanager
    def open(self, *, write: bool = False) -> Iterator[sqlite3.Connection]:
        """A connection, in one transaction that is committed when the block ends well.

        A block within a block of the same thread belongs to the outer one's transaction.

        Raises:
            OutboxError: if the file or the disk doesn't do what it must.
        """
        try:
            connection = self._connection()
            if connection.in_transaction:
                yield connection
                return
            connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")
            try:
                yield connection
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            self.close()
            file, log, shared, aside = (shlex.quote(f"{self.path}{end}") for end in ("", "-wal", "-shm", ".broken"))
            cure = f"free space if the disk is full; a damaged file is made anew: rm -f {log} {shared} && mv {file} {aside}"
            raise OutboxError(f"{self.path}: {error}", cure) from error

    def _connection(self) -> sqlite3.Connection:
        held: tuple[sqlite3.Connection, tuple[int, ...]] | None = getattr(self._local, "held", None)
        if held is not None and held[1] == self._identity():
            return held[0]
        self.close()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self.path, timeout=60, isolation_level=None)
        _write_ahead(connection)
        connection.execute("PRAGMA synchronous = NORMAL")
        for statement in filter(str.strip, self.ddl.split(";")):
            connection.execute(statement)
        self._local.held = (connection, self._identity())
        return connection

    def _identity(self) -> tuple[int, ...]:
        """Which file lies there, for which process: after a fork a connection must not be used."""
        try:
            found = self.path.stat()
        except OSError:
            return ()
        return os.getpid(), found.st_dev, found.st_ino

    def close(self) -> None:
        """Close this thread's connection."""
        held = getattr(self._local, "held", None)
        if held is not None:
            self._local.held = None
            with suppress(sqlite3.Error):
                held[0].close()

    def discard(self) -> None:
        """Delete the file, with what SQLite keeps beside it."""
        self.close()
        for suffix in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)


def _write_ahead(connection: sqlite3.Connection, wait: float = 60.0) -> None:
    """Turn the write-ahead log on; SQLite's own time-out doesn't hold for this statement, so it is tried again here."""
    deadline = time.monotonic() + wait
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return
