"""Any DuckDB file or PostgreSQL database, read only: a table of it, its columns, and their types as the contract knows them.

Nothing here knows this chain's schema. A column's type is one of a closed set; two columns are
compared where theirs are the same, read as one type that holds both without loss. Before this: an
address; after it: ``versus``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import psycopg2
from psycopg2.extensions import parse_dsn

from fluxion_pipeline.contracts.sqltext import quote
from fluxion_pipeline.errors import ContractError, TransientError
from fluxion_pipeline.locks import hold
from fluxion_pipeline.sinks.duckdb.connect import lock_path
from fluxion_pipeline.sinks.postgresql.connect import Connection

_OPTIONS = "-c TimeZone=UTC -c DateStyle=ISO -c bytea_output=hex -c extra_float_digits=1"
_PART = re.compile(r'"(?:[^"]|"")+"|[^".]+')
_NAME = re.compile(rf"({_PART.pattern})(\.({_PART.pattern}))?")
_COLUMNS = (
    "SELECT a.attname, CASE t.typtype WHEN 'e' THEN 'enum(' || format_type(t.oid, NULL) || ')' ELSE format_type(a.atttypid, a.atttypmod) END"
    " FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid WHERE a.attrelid = to_regclass(%s) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"
)


@dataclass(frozen=True)
class Address:
    """Where a database is.

    Attributes:
        text: a path, or what libpq takes: a URI, or ``key=value`` pairs.
        shown: the same without a password.
    """

    text: str = field(repr=False)
    shown: str

    @property
    def postgresql(self) -> bool:
        """Whether it is a PostgreSQL database, not a DuckDB file."""
        return is_postgresql(self.text)


def is_postgresql(text: str) -> bool:
    """Whether an address is one that libpq takes."""
    return text.startswith(("postgresql://", "postgres://")) or ("=" in text and not Path(text).exists())


def address(text: str) -> Address:
    """Read an address.

    Raises:
        ContractError: if libpq can't read it, or there is no such file.
    """
    if not is_postgresql(text):
        if not Path(text).is_file():
            raise ContractError(f"there is no file {text}", "give the path of a DuckDB file, or postgresql://user@host:port/database")
        return Address(text, text)
    try:
        parts = parse_dsn(text)
    except psycopg2.ProgrammingError:  # its message shows a piece of the address, which may be of the password
        raise ContractError("libpq can't read an address", "write postgresql://user@host:port/database") from None
    where = f"{parts.get('host', 'localhost')}:{parts.get('port', '5432')}/{parts.get('dbname', parts.get('user', ''))}"
    return Address(text, f"postgresql://{where}")


@contextmanager
def attached(memory: duckdb.DuckDBPyConnection, where: Address, name: str) -> Iterator[None]:
    """A DuckDB file, attached read-only under a name; under the lock that this chain's writers hold, where there is one.

    Raises:
        TransientError: if it can't be opened.
    """
    file = Path(where.text)
    try:
        path = str(file).replace("'", "''")
        if not lock_path(file).exists():
            memory.execute(f"ATTACH '{path}' AS {quote(name)} (TYPE duckdb, READ_ONLY)")
            yield
            return
        with hold(lock_path(file), exclusive=False, purpose="fluxion compare"):
            memory.execute(f"ATTACH '{path}' AS {quote(name)} (TYPE duckdb, READ_ONLY)")
            yield
            memory.execute(f"DETACH {quote(name)}")
    except (duckdb.IOException, duckdb.BinderException, duckdb.SerializationException) as error:
        raise TransientError(f"{where.shown} can't be read: {_line(error)}", "close the program that writes it, or check the file") from error


@contextmanager
def snapshot(where: Address) -> Iterator[Connection]:
    """A ``REPEATABLE READ READ ONLY`` transaction of a PostgreSQL database.

    Raises:
        TransientError: if it can't be reached, or goes away.
    """
    try:
        connection: Connection = psycopg2.connect(where.text, connect_timeout=10, options=_OPTIONS, application_name="fluxion compare")
    except psycopg2.Error as error:
        raise TransientError(f"{where.shown} can't be reached: {_line(error)}", "check the address and the login") from None
    try:
        connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
        yield connection
    except psycopg2.Error as error:
        raise TransientError(f"{where.shown}: {_line(error)}", "check that it may read this table, and run it again") from None
    finally:
        connection.close()


def table_name(text: str, default: str) -> tuple[str, str]:
    """Schema and name of ``table`` or ``schema.table``; a name with a point in it stands in double quotes, as in SQL."""
    if not _NAME.fullmatch(text):
        schema, _, name = text.rpartition(".")
        return schema or default, name
    parts = [p[1:-1].replace('""', '"') if p.startswith('"') else p for p in _PART.findall(text)]
    return (parts[0] if len(parts) > 1 else default), parts[-1]


def columns_of_duckdb(memory: duckdb.DuckDBPyConnection, name: str, table: str) -> dict[str, str]:
    """Columns of a table of an attached file, with their types; empty: there is no such table."""
    sql = "SELECT column_name, data_type FROM duckdb_columns() WHERE database_name = ? AND schema_name = ? AND table_name = ? ORDER BY column_index"
    return dict(memory.execute(sql, [name, *table_name(table, "main")]).fetchall())


def columns_of_postgresql(connection: Connection, table: str) -> dict[str, str]:
    """The same of a PostgreSQL table (``format_type``)."""
    with connection.cursor() as cursor:
        cursor.execute(_COLUMNS, (postgresql_table(table),))
        return dict(cursor.fetchall())


def postgresql_table(table: str) -> str:
    """The table's name in PostgreSQL's SQL."""
    return ".".join(quote(p) for p in table_name(table, "public"))


def duckdb_table(name: str, table: str) -> str:
    """The table's name in DuckDB's SQL, in an attached file."""
    return ".".join(quote(p) for p in (name, *table_name(table, "main")))


def require(found: Mapping[str, str], where: Address, table: str) -> None:
    """See that a table is there.

    Raises:
        ContractError: if it isn't.
    """
    if not found:
        raise ContractError(
            f"{where.shown} has no table {table}",
            'name it as schema.table ("a.b"."c.d" where names have points); where both names differ, give --table twice: of A, of B',
        )


def _line(error: Exception) -> str:
    return next((x.strip() for x in str(error).splitlines() if x.strip()), type(error).__name__)
