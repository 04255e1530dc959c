"""Connections that are kept open for a whole life instead of being opened and closed at each step, which costs more than the work.

A database in memory, the DuckDB file and PostgreSQL sessions are given again as if they were new: nothing of
the session before is left. What a process end leaves behind is thus still rolled back; that the file is opened
anew, and read after a checkpoint, is what ``plain`` lives are for: they keep the database in memory alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import duckdb
import psycopg2
import psycopg2.extensions
import pytest

_connect = duckdb.connect


@cache
def _memory() -> duckdb.DuckDBPyConnection:
    """One for all lives: the program keeps sessions of its own on it."""
    return _connect(":memory:", config={"threads": "1"})


Key = tuple[tuple[str, Any], ...]


class Kept:
    """What is kept open."""

    def __init__(self, file: str, *, plain: bool = False) -> None:
        """Open nothing yet; ``file``: the DuckDB file that is kept open, ``plain``: neither it nor sessions on PostgreSQL are."""
        self.file, self.plain = file, plain
        self.opened: duckdb.DuckDBPyConnection | None = None
        self.sessions: dict[Key, list[Any]] = {}
        self._duckdb, self._psycopg2 = duckdb.connect, psycopg2.connect

    def release(self) -> None:
        """Close everything: somebody needs the files, or the databases, for himself."""
        if self.opened is not None:
            self.opened.close()
            self.opened = None
        for session in (s for some in self.sessions.values() for s in some):
            session.really_close()
        self.sessions.clear()

    def duckdb(self, database: str = "", **named: Any) -> Any:
        """A cursor is a session of its own, with its own temporary tables and transaction."""
        if database == ":memory:" and not named:
            return _memory().cursor()
        if self.plain or database != self.file:
            return self._duckdb(database or ":memory:", **named)
        if self.opened is None:
            self.opened = self._duckdb(database, config={"threads": "1"})
        return self.opened.cursor()

    def psycopg2(self, *values: Any, **named: Any) -> Any:
        """A session that was closed, or a new one."""
        if self.plain or values or "connection_factory" in named:
            return self._psycopg2(*values, **named)
        key = tuple(sorted(named.items()))
        free = self.sessions.setdefault(key, [])
        while free:
            found = free.pop()
            if found.renewed():
                return found
        made = self._psycopg2(**named, connection_factory=_Session)
        made.free = free
        return made


class _Session(psycopg2.extensions.connection):
    """A session on PostgreSQL that is put aside when it is closed."""

    free: list[Any]

    def close(self) -> None:
        """Roll back, and wait for the next one."""
        try:
            if not self.closed:
                self.rollback()
        except psycopg2.Error:
            self.really_close()
        if not self.closed and self not in self.free:
            self.free.append(self)

    def renewed(self) -> bool:
        """As new, if it still is a session."""
        try:
            self.set_session("DEFAULT", "DEFAULT", "DEFAULT", autocommit=True)
            with self.cursor() as cursor:
                cursor.execute("DISCARD ALL")
            self.autocommit = False
        except psycopg2.Error:
            self.really_close()
        return not self.closed

    def really_close(self) -> None:
        """The end."""
        super().close()


@contextmanager
def kept(file: str, *, plain: bool = False) -> Iterator[Kept]:
    """While the block runs, connections are kept."""
    found = Kept(file, plain=plain)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(duckdb, "connect", found.duckdb)
        patch.setattr(psycopg2, "connect", found.psycopg2)
        try:
            yield found
        finally:
            found.release()
