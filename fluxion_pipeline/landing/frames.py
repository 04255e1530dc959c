"""SQL over Arrow tables: the engine that landing decides with. In memory, one connection per thread."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
import pyarrow as pa

_local = threading.local()


def connection() -> duckdb.DuckDBPyConnection:
    """This thread's in-memory DuckDB, in UTC."""
    found: duckdb.DuckDBPyConnection | None = getattr(_local, "connection", None)
    if found is None:
        found = duckdb.connect(":memory:")
        found.execute("SET TimeZone = 'UTC'")
        found.execute("SET memory_limit = '2GB'")
        _local.connection = found
    return found


def query(sql: str, tables: Mapping[str, pa.Table] | None = None, values: Sequence[Any] = ()) -> pa.Table:
    """Run one statement over named Arrow tables and fetch its result as an Arrow table."""
    con = connection()
    names = tuple(tables or ())
    try:
        for name in names:
            con.register(name, (tables or {})[name])
        return con.sql(sql, params=list(values)).to_arrow_table()
    finally:
        for name in names:
            con.unregister(name)


def rows(sql: str, tables: Mapping[str, pa.Table] | None = None, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """Like ``query``, as a list of tuples."""
    con = connection()
    names = tuple(tables or ())
    try:
        for name in names:
            con.register(name, (tables or {})[name])
        return con.execute(sql, list(values)).fetchall()
    finally:
        for name in names:
            con.unregister(name)
