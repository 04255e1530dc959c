"""PostgreSQL as a sink: a server, embedded or not; transactions on it are in ``session``."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import psycopg2
import pyarrow as pa

from fluxion_pipeline.contracts.clock import UTC
from fluxion_pipeline.contracts.migrations import HEAD
from fluxion_pipeline.contracts.outcomes import SinkName
from fluxion_pipeline.contracts.sqltext import columns, quote
from fluxion_pipeline.errors import SinkAway
from fluxion_pipeline.landing.index import Image
from fluxion_pipeline.landing.tables import table_of
from fluxion_pipeline.settings import Settings
from fluxion_pipeline.sinks import reading, slices
from fluxion_pipeline.sinks.duckdb.connect import configure, said
from fluxion_pipeline.sinks.postgresql import transfer
from fluxion_pipeline.sinks.postgresql.beside import Beside
from fluxion_pipeline.sinks.postgresql.connect import connect, connect_raw
from fluxion_pipeline.sinks.postgresql.session import PostgreSQLSession
from fluxion_pipeline.sinks.protocol import SinkSession


class PostgreSQLSink:
    """A PostgreSQL server as a sink; see ``sinks.protocol.Sink``."""

    name = SinkName.POSTGRESQL

    def __init__(self, settings: Settings) -> None:
        """Connect to nothing yet."""
        self.settings = settings

    def migrate(self) -> bool:
        """Bring the schema to head."""
        import sqlalchemy as sa

        from fluxion_pipeline.contracts.migrations.runner import migrate

        engine = sa.create_engine("postgresql+psycopg2://", creator=lambda: connect_raw(self.settings), poolclass=sa.pool.NullPool)
        try:
            return migrate(engine).changed
        finally:
            engine.dispose()

    def prepare(self, images: Sequence[Image]) -> None:
        """Make the months' partitions that the images need, in a transaction of its own."""
        months: dict[str, set[date]] = {}
        for image in images:
            table = table_of(self.settings.home, image.table)
            if table.month_column is not None:
                value = slices.values(table, image.slice)[table.slice_columns.index(table.month_column)]
                day = value.astimezone(UTC).date() if isinstance(value, datetime) else value
                months.setdefault(image.table, set()).add(day.replace(day=1))
        if months:
            with connect(self.settings) as connection, connection.cursor() as cursor:
                self._check_head(cursor)
                for table_name, days in months.items():
                    for day in sorted(days):
                        cursor.execute("SELECT fluxion_asegurar_particiones(%s, %s, %s)", (table_name, day, day))
                connection.commit()

    @contextmanager
    def session(self, purpose: str = "writing") -> Iterator[SinkSession]:
        """One transaction, rolled back unless committed."""
        base = self.settings.home / "tmp"
        base.mkdir(parents=True, exist_ok=True)
        try:
            with connect(self.settings) as connection, Beside(base) as beside:
                with connection.cursor() as cursor:
                    self._check_head(cursor)
                yield PostgreSQLSession(connection, beside)
        except duckdb.Error as error:
            raise said(error, "postgresql") from error
        except OSError as error:
            raise SinkAway("postgresql", f"{base} can't be written: {error}", "free space there, and run it again: nothing was kept") from error

    def _check_head(self, cursor: psycopg2.extensions.cursor) -> None:
        try:
            cursor.execute("SELECT version_num FROM alembic_version")
            row = cursor.fetchone()
        except psycopg2.errors.UndefinedTable:
            row = None
        if row is None or row[0] != HEAD:
            raise SinkAway("postgresql", f"the schema of PostgreSQL is {'at ' + row[0] if row else 'not there'}, head is {HEAD}", "fluxion init")

    def read(self, table: str, names: Sequence[str] | None = None, where: Mapping[str, Sequence[Any]] | None = None) -> pa.Table:
        """Rows of a table as Arrow."""
        whole = table_of(self.settings.home, table)
        chosen = reading.chosen(whole, names, where or ())
        conditions = [f"{quote(c)} = ANY(%s::{transfer.array_type(whole, c)}[])" for c in where or {}]
        sql = f"SELECT {columns(chosen)} FROM {quote(table)}" + (" WHERE " + " AND ".join(conditions) if conditions else "")  # noqa: S608 quoted names
        base = self.settings.home / "tmp"
        base.mkdir(parents=True, exist_ok=True)
        with connect(self.settings, read_only=True) as connection, connection.cursor() as cursor, tempfile.TemporaryDirectory(dir=base, prefix="pg-") as folder:
            file = Path(folder) / "rows.csv"
            bound = cursor.mogrify(sql, [list(v) for v in (where or {}).values()]).decode()
            texts = transfer.text_columns(whole, chosen)
            quoted = f", FORCE_QUOTE ({columns(texts)})" if texts else ""
            with file.open("wb") as out:
                cursor.copy_expert(f"COPY ({bound}) TO STDOUT (FORMAT csv, NULL '\\N'{quoted})", out)
            with duckdb.connect(":memory:") as con:
                configure(con, Path(folder))
                return con.sql(f"SELECT * FROM {transfer.csv_relation(whole, chosen)}", params=[str(file)]).to_arrow_table()  # noqa: S608 quoted names

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a read-only statement."""
        return self.answers([sql])[0]

    def answers(self, statements: Sequence[str]) -> list[list[tuple[Any, ...]]]:
        """Rows of several read-only statements, in one transaction of one snapshot; a lost server becomes ``SinkAway``."""
        found = []
        with connect(self.settings, read_only=True) as connection, connection.cursor() as cursor:
            for sql in statements:
                cursor.execute(sql)
                found.append(list(cursor.fetchall()))
        return found
