"""Rows between DuckDB and PostgreSQL by COPY, exactly: text is quoted, an unquoted backslash and N is NULL.

A value with a physical line that begins with a backslash and a point would end a COPY on PostgreSQL before 17; such
rows are told apart, so that they can be sent as bound values.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import psycopg2.extensions
import sqlalchemy as sa

from fluxion_pipeline.contracts.sqltext import columns, duckdb_type, quote
from fluxion_pipeline.contracts.tables import TableSpec

Cursor = psycopg2.extensions.cursor
_FORMAT = "FORMAT csv, NULL '\\N'"


def text_columns(table: TableSpec, names: Sequence[str]) -> list[str]:
    """The text columns among some of a table's."""
    return [n for n in names if isinstance(table.table.columns[n].type, sa.Text)]


def copy_out(cursor: Cursor, table: TableSpec, select: str, file: Path) -> None:
    """The rows of a select (text without parameters, the table's compared columns) into a file."""
    texts = text_columns(table, table.columns)
    quoted = f", FORCE_QUOTE ({columns(texts)})" if texts else ""
    with file.open("wb") as out:
        cursor.copy_expert(f"COPY ({select}) TO STDOUT ({_FORMAT}{quoted})", out)


def csv_relation(table: TableSpec, names: Sequence[str]) -> str:
    """DuckDB SQL that reads such a file; bound: its path."""
    types = ", ".join(f"'{n}': '{duckdb_type(table.table.columns[n])}'" for n in names)
    return (
        "read_csv(?, header = false, auto_detect = false, delim = ',', quote = '\"', escape = '\"', nullstr = '\\N', allow_quoted_nulls = false,"
        f" new_line = '\\n', parallel = false, max_line_size = 67108864, columns = {{{types}}})"
    )


def write_csv(con: duckdb.DuckDBPyConnection, table: TableSpec, names: Sequence[str], select: str, file: Path) -> None:
    """The rows of a DuckDB select into a file that PostgreSQL's COPY reads."""
    texts = text_columns(table, names)
    quoted = f", FORCE_QUOTE ({columns(texts)})" if texts else ""
    target = str(file).replace("'", "''")
    con.execute(f"COPY ({select}) TO '{target}' (FORMAT csv, HEADER false, DELIMITER ',', QUOTE '\"', ESCAPE '\"', NULLSTR '\\N'{quoted})")


def copy_in(cursor: Cursor, target: str, names: Sequence[str], file: Path) -> int:
    """A file's rows into a table; the number of rows."""
    with file.open("rb") as source:
        cursor.copy_expert(f"COPY {target} ({columns(names)}) FROM STDIN ({_FORMAT})", source)
    return int(cursor.rowcount)


def awkward(table: TableSpec, names: Sequence[str]) -> str:
    """DuckDB condition: the row has a line that COPY would take for the end of the data."""
    texts = text_columns(table, names)
    return " OR ".join(f"coalesce(contains({quote(t)}, chr(10) || '\\.') OR contains({quote(t)}, chr(13) || '\\.'), false)" for t in texts) or "false"


def insert_bound(cursor: Cursor, target: str, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> int:
    """Insert rows as bound values; the number of rows."""
    places = ", ".join(["%s"] * len(names))
    for row in rows:
        cursor.execute(f"INSERT INTO {target} ({columns(names)}) VALUES ({places})", list(row))  # noqa: S608 quoted names
    return len(rows)


def array_type(table: TableSpec, column: str) -> str:
    """The PostgreSQL type of the elements of an array of a slice column's values."""
    kind = type(table.table.columns[column].type).__name__
    return {"Text": "text", "Date": "date", "DateTime": "timestamptz", "Integer": "integer", "Numeric": "numeric", "Boolean": "boolean"}[kind]


def bounds(table: TableSpec, given: Sequence[Sequence[Any]]) -> tuple[str, list[Any]]:
    """Bounds of the partition column, so that the planner looks at the months of the slices only."""
    if table.month_column is None:
        return "", []
    values = given[table.slice_columns.index(table.month_column)]
    column = quote(table.month_column)
    more = " + INTERVAL '1 minute'" if isinstance(values[0], datetime) else ""
    return f" AND t.{column} >= %s AND t.{column} <= %s{more}", [min(values), max(values)]
