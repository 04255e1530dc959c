"""What comes between a sink and the one who writes it, at its n-th statement, on the real connection.

The process ends there, the connection is lost, the engine fails, or somebody else acts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import duckdb
import psycopg2
import psycopg2.extensions
import pytest

from fluxion_pipeline.contracts.outcomes import SinkName
from fluxion_pipeline_tests.support.landing_lives import Crash

Act = Callable[[], None]


class Nth:
    """Counts statements, all or those with a text, and acts at one of them, before it or after it, once."""

    def __init__(self, nth: int, act: Act, *, after: bool = False, text: str = "") -> None:
        self.left, self.act, self.after, self.text = nth, act, after, text

    def run(self, statement: Callable[..., Any], *values: Any, **named: Any) -> Any:
        """Run a statement, or don't."""
        if self.text and self.text not in str(values[0] if values else "").replace('"', ""):
            return statement(*values, **named)
        self.left -= 1
        if self.left == 0 and not self.after:
            self.act()
        result = statement(*values, **named)
        if self.left == 0 and self.after:
            self.act()
        return result

    @property
    def acted(self) -> bool:
        return self.left <= 0


@contextmanager
def at(sink: SinkName, counter: Nth) -> Iterator[list[Any]]:
    """While the block runs, the sink's statements are counted; the list has the PostgreSQL connections, newest last."""
    opened: list[Any] = []
    with pytest.MonkeyPatch.context() as patch:
        if sink is SinkName.DUCKDB:
            patch.setattr(duckdb, "connect", _counting_duckdb(counter))
        else:
            patch.setattr(psycopg2, "connect", _counting_postgresql(counter, opened))
        yield opened


def _counting_postgresql(counter: Nth, opened: list[Any]) -> Callable[..., Any]:
    real = psycopg2.connect

    class Cursor(psycopg2.extensions.cursor):
        def execute(self, *values: Any) -> Any:
            return counter.run(super().execute, *values)

        def copy_expert(self, *values: Any, **named: Any) -> Any:
            return counter.run(super().copy_expert, *values, **named)

    class Connection(psycopg2.extensions.connection):
        def cursor(self, *values: Any, **named: Any) -> Any:
            return super().cursor(*values, **{"cursor_factory": Cursor, **named})

        def commit(self) -> None:
            counter.run(super().commit)

    def connect(*values: Any, **named: Any) -> Any:
        if counter.acted or values:  # by an address: whoever only asks whether the server answers
            return real(*values, **named)
        opened.append(real(**named, connection_factory=Connection))
        return opened[-1]

    return connect


class _DuckDB:
    """A connection to a file whose statements are counted."""

    def __init__(self, real: Any, counter: Nth) -> None:
        self._real, self._counter = real, counter

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._real, name)
        if name in ("execute", "sql"):
            return lambda *values, **named: self._counter.run(found, *values, **named)
        return found


def _counting_duckdb(counter: Nth) -> Callable[..., Any]:
    real = duckdb.connect

    def connect(database: str = ":memory:", **named: Any) -> Any:
        found = real(database, **named)
        return found if database == ":memory:" or counter.acted else _DuckDB(found, counter)

    return connect


def end() -> None:
    """The process ends here."""
    raise Crash


def fail() -> None:
    """The engine fails."""
    raise duckdb.IOException("Could not write file: the device said no")


def refuse() -> None:
    """The server refuses the statement."""
    raise psycopg2.errors.UniqueViolation("duplicate key value violates unique constraint")


def full() -> None:
    """The server's disk is full."""
    raise psycopg2.errors.DiskFull("could not extend file: No space left on device")
