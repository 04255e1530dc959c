"""How a live schema differs from ``contracts.tables``: one line per difference, none where it is as it must be.

Structure only: tables, columns, types, nullability, and PostgreSQL's keys. The order of columns and
tables that the contract doesn't know (a user's own, partitions) are no difference.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import sqlalchemy as sa

from fluxion_pipeline.contracts.sqltext import duckdb_type
from fluxion_pipeline.contracts.tables import SPECS, metadata

_POSTGRESQL_TYPES = {"VARCHAR": "text", "TIMESTAMPTZ": "timestamp with time zone", "DOUBLE": "double precision"}
"""PostgreSQL's names of the types that aren't DuckDB's in lower case."""

_COLUMNS = {
    "postgresql": """
        SELECT c.relname, a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull
        FROM pg_catalog.pg_attribute AS a JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND a.attnum > 0 AND NOT a.attisdropped
    """,
    "duckdb": """
        SELECT table_name, column_name, data_type, is_nullable = 'NO'
        FROM information_schema.columns WHERE table_schema = 'main' AND table_catalog = current_database()
    """,
}

_KEYS = """
    SELECT c.relname, n.contype, n.condeferred, array_agg(CAST(a.attname AS text) ORDER BY a.attname)
    FROM pg_catalog.pg_constraint AS n
    JOIN pg_catalog.pg_class AS c ON c.oid = n.conrelid
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = ANY (n.conkey)
    WHERE c.relnamespace = 'public'::regnamespace AND NOT c.relispartition AND n.contype IN ('p', 'u', 'f')
    GROUP BY c.relname, n.oid, n.contype, n.condeferred
"""


@dataclass(frozen=True)
class _Shape:
    """A table's columns (type, whether NOT NULL) and its keys, as sets of texts such as ``primary key (codigo)``."""

    columns: dict[str, tuple[str, bool]] = field(default_factory=dict)
    keys: set[str] = field(default_factory=set)


def schema_drift(connection: sa.Connection, own: Iterable[sa.Table] = ()) -> tuple[str, ...]:
    """Compare the live schema with the metadata.

    Args:
        connection: to the database.
        own: users' own tables that must be there too.

    Returns:
        One line per difference, sorted; empty where there is none.
    """
    engine = connection.dialect.name
    live = _live(connection, engine)
    lines: list[str] = []
    for table in (*metadata.tables.values(), *own):
        lines += _differences(table.name, live.get(table.name), _expected(table, engine))
    return tuple(sorted(lines))


def _expected(table: sa.Table, engine: str) -> _Shape:
    """What a table of the metadata must look like on an engine."""
    columns = {c.name: (type_name(c, engine), not c.nullable) for c in table.columns}
    if engine != "postgresql":
        return _Shape(columns)
    keys = {_key("primary key", primary_key(table))}
    keys |= {_key("unique, deferred", (c.name,)) for c in table.columns if c.unique}
    return _Shape(columns, keys)


def primary_key(table: sa.Table) -> tuple[str, ...]:
    """PostgreSQL's primary key: the contract's, with the column that partitions the table."""
    month = SPECS[table.name].month_column if table.name in SPECS else None
    return tuple(c.name for c in table.columns if c.primary_key or c.name == month)


def type_name(column: sa.Column[object], engine: str) -> str:
    """A column's type in the words of an engine's catalog."""
    name = duckdb_type(column)
    if engine == "postgresql":
        return _POSTGRESQL_TYPES.get(name, name.lower().replace("decimal", "numeric"))
    return "TIMESTAMP WITH TIME ZONE" if name == "TIMESTAMPTZ" else name


def _live(connection: sa.Connection, engine: str) -> dict[str, _Shape]:
    shapes: dict[str, _Shape] = {}
    for table, column, kind, required in connection.execute(sa.text(_COLUMNS[engine])):
        shapes.setdefault(table, _Shape()).columns[column] = (kind, required)
    if engine == "postgresql":
        kinds = {"p": "primary key", "u": "unique", "f": "foreign key"}
        for table, kind, deferred, names in connection.execute(sa.text(_KEYS)):
            shapes[table].keys.add(_key(kinds[kind] + (", deferred" if deferred else ""), names))
    return shapes


def _key(kind: str, names: tuple[str, ...] | list[str]) -> str:
    return f"{kind} ({', '.join(sorted(names))})"


def _differences(table: str, live: _Shape | None, wanted: _Shape) -> Iterator[str]:
    if live is None:
        yield f"{table}: the table is missing"
        return
    for name, (kind, required) in wanted.columns.items():
        if name not in live.columns:
            yield f"{table}.{name}: the column is missing"
            continue
        found_kind, found_required = live.columns[name]
        if found_kind != kind:
            yield f"{table}.{name}: is {found_kind}, must be {kind}"
        if found_required != required:
            yield f"{table}.{name}: {'is NOT NULL, must allow NULL' if found_required else 'allows NULL, must be NOT NULL'}"
    for name in sorted(live.columns.keys() - wanted.columns.keys()):
        yield f"{table}.{name}: the column is not in the contract"
    for key in sorted(wanted.keys - live.keys):
        yield f"{table}: no {key}"
    for key in sorted(live.keys - wanted.keys):
        yield f"{table}: {key} is not in the contract"
