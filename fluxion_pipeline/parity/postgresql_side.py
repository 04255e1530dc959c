r"""PostgreSQL's side of a comparison: one snapshot for all tables, rows out by COPY into a file.

COPY as CSV is the cheapest exact way out of PostgreSQL: text is always quoted, so that a text that
is ``\N`` or empty is told from NULL. Before this: ``sinks.postgresql.connect``; after it: ``exact``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from fluxion_pipeline.contracts import sqltext
from fluxion_pipeline.contracts.sqltext import quote
from fluxion_pipeline.contracts.tables import TableSpec
from fluxion_pipeline.parity.digest import digest_postgresql
from fluxion_pipeline.parity.plan import Chunk, Groups
from fluxion_pipeline.parity.sides import Item, grouped, slice_text_postgresql
from fluxion_pipeline.sinks.postgresql import seals
from fluxion_pipeline.sinks.postgresql.connect import Connection

_TYPES = {"VARCHAR": "text", "TIMESTAMPTZ": "timestamptz"}
_COLUMNS = """
SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND a.attnum > 0 AND NOT a.attisdropped
"""


class PostgresqlSide:
    """One ``REPEATABLE READ READ ONLY`` transaction: every answer is of the same instant."""

    name = "postgresql"

    def __init__(self, connection: Connection) -> None:
        """Take over a connection opened with ``read_only=True``; the snapshot is taken by the first query."""
        connection.set_client_encoding("UTF8")
        self._connection = connection

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows of a query; values are bound at ``?``."""
        with self._connection.cursor() as cursor:
            cursor.execute(_marks(sql), list(values))
            return cursor.fetchall()

    def source(self, chunk: Chunk) -> tuple[str, list[Any]]:
        """``FROM`` text of a chunk's rows, with the values that it binds."""
        spec = chunk.spec
        table = self.table(spec)
        if chunk.values is None:
            return table, []
        wanted, values = self.among(spec, spec.slice_columns, [chunk.column(i) for i in range(len(spec.slice_columns))])
        if spec.month_column in spec.slice_columns:  # lets PostgreSQL leave other months' partitions unread
            position = spec.slice_columns.index(str(spec.month_column))
            months = f"unnest(?::text[]::{_type(spec, str(spec.month_column))}[]) x"
            wanted += f" AND {quote(str(spec.month_column))} BETWEEN (SELECT min(x) FROM {months}) AND (SELECT max(x) FROM {months})"  # noqa: S608 quoted names
            values += [chunk.column(position)] * 2
        nulls = "".join(f" OR {quote(c)} IS NULL" for c in spec.slice_columns) if chunk.has_null else ""
        return f"{table} WHERE ({wanted}){nulls}", values

    def among(self, spec: TableSpec, names: Sequence[str], lists: Sequence[Sequence[str]]) -> tuple[str, list[Any]]:
        """A condition: those columns have, together, one of the values that stand at one place of all lists (as text)."""
        places = [i for i in range(len(lists[0])) if not any("\0" in x[i] for x in lists)]  # U+0000 can't be sent, and no row here can hold one
        if len(names) == 1:  # a list, of which the planner knows how few rows it is
            return f"{quote(names[0])} = ANY (?::text[]::{_type(spec, names[0])}[])", [[lists[0][i] for i in places]]
        casts = ", ".join(f"c{i}::{_type(spec, name)}" for i, name in enumerate(names))
        given = f"unnest({', '.join('?::text[]' for _ in names)}) AS given({', '.join(f'c{i}' for i in range(len(names)))})"
        return f"({sqltext.columns(names)}) IN (SELECT {casts} FROM {given})", [[x[i] for i in places] for x in lists]  # noqa: S608 quoted names

    def slice_text(self, spec: TableSpec) -> str:
        """SQL text of a row's slice, as in the ledger."""
        return slice_text_postgresql(spec)

    def table(self, spec: TableSpec) -> str:
        """The table's name in SQL."""
        return f"public.{quote(spec.name)}"

    def shown(self, name: str, column: sa.Column[Any]) -> str:
        """SQL of a value as people read it: JSON types where they are exact, else text."""
        if isinstance(column.type, sa.DateTime):
            return f"""replace(to_char({name} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), '.000000Z', 'Z')"""
        return name if isinstance(column.type, (sa.Text, sa.Boolean, sa.Integer)) else f"CAST({name} AS text)"

    def digest(self, spec: TableSpec) -> str:
        """SQL aggregate of the rows' digests, as text."""
        return digest_postgresql(spec)

    def moment(self, table: TableSpec) -> seals.Moment:
        """Which server and tables this is, and the oldest transaction that the snapshot may not have seen."""
        with self._connection.cursor() as cursor:
            return seals.moment(cursor, table)

    def groups_by_age(self, spec: TableSpec, mark: int) -> Groups:
        """``groups`` of a whole table, and how many rows are of transactions that a proof with this mark may not have seen.

        Rows are counted by the transaction that wrote them first: there are few of those, and ages are reckoned for them alone.
        """
        names = sqltext.columns(spec.slice_columns)
        counted = f"(SELECT {names}, xmin AS hecha, count(*) AS filas FROM {self.table(spec)} GROUP BY {names}, xmin) AS g"  # noqa: S608 quoted names
        newer = f"coalesce(sum(filas) FILTER (WHERE {_newer(mark, 'hecha')}), 0)::text"
        return grouped(self, spec, (counted, []), "sum(filas)::bigint", newer)

    def untouched(self, spec: TableSpec, mark: int, rows: int) -> bool:
        """Whether a table that had so many rows at the proof with this mark still has just these.

        Rows of transactions that the proof has seen, and of no others, are rows that were there: as many of them are the same.
        """
        found = self.rows(f"SELECT count(*), count(*) FILTER (WHERE {_newer(mark)}) FROM {self.table(spec)}")  # noqa: S608 quoted names
        return found == [(rows, 0)]

    def keyed(self, spec: TableSpec) -> bool:
        """Whether the primary key is there and valid, so that no key stands twice."""
        return bool(self.rows("SELECT 1 FROM pg_index WHERE indrelid = ?::regclass AND indisprimary AND indisvalid", [self.table(spec)]))

    def types(self) -> dict[str, dict[str, str]]:
        """The live column types (``format_type``), by table and column."""
        found: dict[str, dict[str, str]] = {}
        for table, column, kind in self.rows(_COLUMNS):
            found.setdefault(table, {})[column] = kind
        return found

    def export(self, chunk: Chunk, items: Sequence[Item], file: Path, newer_than: int | None = None) -> int:
        r"""Write key and items of a chunk's rows as CSV: text quoted, NULL as a bare ``\N``, UTC, ISO; how many rows there are.

        With ``newer_than`` only the rows that a proof with this mark may not have seen.
        """
        spec = chunk.spec
        source, values = self.source(chunk)
        if newer_than is not None:
            source = f"{source} WHERE {_newer(newer_than)}" if chunk.values is None else f"{source} AND {_newer(newer_than)}"
        wanted = [quote(k) for k in spec.physical_key] + [f"{i.postgresql} AS {quote(i.name)}" for i in items]
        texts = [k for k in spec.physical_key if _type(spec, k) == "text"] + [i.name for i in items if i.type == "VARCHAR"]
        force = f", FORCE_QUOTE ({sqltext.columns(texts)})" if texts else ""
        query = f"COPY (SELECT {', '.join(wanted)} FROM {source}) TO STDOUT (FORMAT csv, NULL '\\N'{force})"  # noqa: S608 quoted names
        with self._connection.cursor() as cursor, file.open("wb") as target:
            cursor.copy_expert(cursor.mogrify(_marks(query), values) if values else query, target, size=1 << 16)
            return cursor.rowcount


def _newer(mark: int, written: str = "xmin") -> str:
    """Condition; the mark's age is reckoned once, not once a row."""
    return f"age({written}) <= (SELECT age(('{int(mark)}'::xid8)::xid))"


def _type(spec: TableSpec, column: str) -> str:
    kind = sqltext.duckdb_type(spec.table.columns[column])
    return _TYPES.get(kind, kind.lower())


def _marks(sql: str) -> str:
    """psycopg2's placeholders; the texts here hold no other question or percent marks."""
    return sql.replace("%", "%%").replace("?", "%s")
