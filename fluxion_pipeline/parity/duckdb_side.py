"""DuckDB's side of a comparison: the file, opened read-only and shortly, and PostgreSQL's rows beside it.

PostgreSQL's rows are read from the exported CSV into a temporary table with the contract's types. A
value that the type can't hold (NaN, a date before Christ: PostgreSQL takes them, no image has them)
becomes NULL and is named in a column of its own, so that it can't pass as equal.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import sqlalchemy as sa

from fluxion_pipeline.contracts import sqltext
from fluxion_pipeline.contracts.sqltext import quote
from fluxion_pipeline.contracts.tables import TableSpec
from fluxion_pipeline.errors import TransientError
from fluxion_pipeline.parity.plan import Chunk
from fluxion_pipeline.parity.sides import Item, column_items

OTHER = "parity_postgresql"
"""Temporary table: PostgreSQL's rows of the chunk at hand."""

UNREADABLE = "parity unreadable"
"""Its column that names the values which are none of the contract's, or NULL."""

_GIVEN = "parity_given"
_LIVE = "SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE database_name = current_database() AND schema_name = 'main'"


class DuckdbSide:
    """One read-only opening of the file: nobody writes while it lasts, so it is one snapshot."""

    name = "duckdb"
    instead = "run it again with --level digest"

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Take over an open connection; the caller closes it."""
        self.connection = connection

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows of a query; values are bound at ``?``."""
        return self.connection.execute(sql, list(values)).fetchall()

    def source(self, chunk: Chunk) -> tuple[str, list[Any]]:
        """``FROM`` text of a chunk's rows; the slices' values stand in a temporary table."""
        spec = chunk.spec
        table = self.table(spec)
        if chunk.values is None:
            return table, []
        wanted, _ = self.among(spec, spec.slice_columns, [chunk.column(i) for i in range(len(spec.slice_columns))])
        if not chunk.has_null:  # a join by columns; a row of several is hashed as a struct, which takes four times as long
            on = " AND ".join(f"{table}.{quote(c)} = {_GIVEN}.c{i}" for i, c in enumerate(spec.slice_columns))
            return f"{table} SEMI JOIN {_GIVEN} ON {on}", []
        nulls = "".join(f" OR {quote(c)} IS NULL" for c in spec.slice_columns)
        return f"{table} WHERE {wanted}{nulls}", []

    def among(self, spec: TableSpec, names: Sequence[str], lists: Sequence[Sequence[str]]) -> tuple[str, list[Any]]:
        """A condition: those columns have, together, one of the values that stand at one place of all lists (as text).

        The lists are kept in a temporary table until the next call: DuckDB binds nothing in CREATE TABLE AS.
        """
        kinds = [sqltext.duckdb_type(spec.table.columns[c]) for c in names]
        self.connection.execute(f"CREATE OR REPLACE TEMP TABLE {_GIVEN} ({', '.join(f'c{i} {kind}' for i, kind in enumerate(kinds))})")
        unnest = ", ".join(f"TRY_CAST(unnest(?::VARCHAR[]) AS {kind})" for kind in kinds)
        self.connection.execute(f"INSERT INTO {_GIVEN} SELECT {unnest}", [list(x) for x in lists])
        return f"({sqltext.columns(names)}) IN (SELECT ({', '.join(f'c{i}' for i in range(len(names)))}) FROM {_GIVEN})", []  # noqa: S608 own names

    def slice_text(self, spec: TableSpec) -> str:
        """SQL text of a row's slice, as in the ledger."""
        return sqltext.slice_text(spec)

    def table(self, spec: TableSpec) -> str:
        """The table's name in SQL, unqualified: a file may be named like a schema."""
        return quote(spec.name)

    def shown(self, name: str, column: sa.Column[Any]) -> str:
        """SQL of a value as people read it: JSON types where they are exact, else text."""
        if isinstance(column.type, sa.DateTime):
            return f"replace(strftime(timezone('UTC', {name}), '%Y-%m-%dT%H:%M:%S.%fZ'), '.000000Z', 'Z')"
        return name if isinstance(column.type, (sa.Text, sa.Boolean, sa.Integer)) else f"CAST({name} AS VARCHAR)"

    def digest(self, spec: TableSpec) -> str:
        """SQL aggregate of the rows' digests, as text."""
        return sqltext.digest_duckdb(spec, spec.columns)

    def row_hash(self, spec: TableSpec) -> str:
        """DuckDB's hash of a row, the same within one version of it; sums of it don't overflow."""
        return f"hash({sqltext.columns(spec.columns)})::HUGEINT"

    def hashes(self, spec: TableSpec) -> str:
        """SQL aggregate of the rows' hashes, as text."""
        return f"coalesce(sum({self.row_hash(spec)}), 0)::VARCHAR"

    def types(self) -> dict[str, dict[str, str]]:
        """The live column types, by table and column."""
        found: dict[str, dict[str, str]] = {}
        for table, column, kind in self.rows(_LIVE):
            found.setdefault(table, {})[column] = kind
        return found

    def incoming(self, chunk: Chunk, items: Sequence[Item], file: Path) -> str:
        """PostgreSQL's exported rows as a relation with the columns of ``OTHER``, read as the query goes; it raises where a value is none of its type."""
        columns = _columns(chunk, items)
        days = [name for name, kind in columns.items() if kind == "DATE"]
        wanted = [f"CAST({_text(n)} AS DATE) AS {quote(n)}" if n in days else quote(n) for n in columns]
        read = _csv(columns | dict.fromkeys(days, "VARCHAR"), file)
        return f"(SELECT {', '.join(wanted)}, CAST(NULL AS VARCHAR) AS {quote(UNREADABLE)} FROM {read})"  # noqa: S608 quoted names

    def receive(self, chunk: Chunk, items: Sequence[Item], file: Path) -> None:
        """Read PostgreSQL's exported rows into ``OTHER``.

        Raises:
            TransientError: if the file can't be read at all.
        """
        columns = _columns(chunk, items)
        lenient = f"(SELECT {_lenient(columns)} FROM {_csv(dict.fromkeys(columns, 'VARCHAR'), file)})"  # noqa: S608 quoted names
        try:
            self._lay_out(self.incoming(chunk, items, file))
        except duckdb.Error:
            try:
                self._lay_out(lenient)
            except duckdb.Error as error:
                raise TransientError(f"PostgreSQL's rows of {chunk.spec.name} can't be read: {str(error).splitlines()[0]}", self.instead) from error

    def _lay_out(self, relation: str) -> None:
        self.connection.execute(f"CREATE OR REPLACE TEMP TABLE {OTHER} AS FROM {relation}")


_LINE = 16 << 20


def _columns(chunk: Chunk, items: Sequence[Item]) -> dict[str, str]:
    return {i.name: i.type for i in (*column_items(chunk.spec, chunk.spec.physical_key), *items)}


def _csv(columns: dict[str, str], file: Path) -> str:
    types = ", ".join(f"{_literal(name)}: {_literal(kind)}" for name, kind in columns.items())
    return (
        f"read_csv({_literal(str(file))}, header=false, auto_detect=false, delim=',', quote='\"', escape='\"', nullstr='\\N', "
        f"allow_quoted_nulls=false, new_line='\\n', max_line_size={_LINE}, columns={{{types}}})"
    )


def _lenient(columns: dict[str, str]) -> str:
    casts = [f"TRY_CAST({_text(c)} AS {kind}) AS {quote(c)}" for c, kind in columns.items()]
    named = ", ".join(f"CASE WHEN {quote(c)} IS NOT NULL AND TRY_CAST({_text(c)} AS {kind}) IS NULL THEN {_literal(c)} END" for c, kind in columns.items())
    return f"{', '.join(casts)}, nullif(concat_ws(',', {named}), '') AS {quote(UNREADABLE)}"


def _text(name: str) -> str:
    """A column of a CSV that was read as text. A cast of the bare column is done by the reader, which takes a day before Christ for that of our era."""
    return f"substr({quote(name)}, 1)"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
