"""DuckDB as a sink: one file, one writer; transactions on it are in ``session``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import duckdb
import pyarrow as pa

from fluxion_pipeline.contracts.migrations import HEAD
from fluxion_pipeline.contracts.outcomes import SinkName
from fluxion_pipeline.contracts.sqltext import columns, quote
from fluxion_pipeline.errors import SinkAway
from fluxion_pipeline.landing.index import Image
from fluxion_pipeline.landing.tables import table_of
from fluxion_pipeline.locks import hold
from fluxion_pipeline.settings import Settings
from fluxion_pipeline.sinks import reading
from fluxion_pipeline.sinks.duckdb.connect import lock_path, open_file, said
from fluxion_pipeline.sinks.duckdb.session import DuckDBSession
from fluxion_pipeline.sinks.protocol import SinkSession


class DuckDBSink:
    """The DuckDB file as a sink; see ``sinks.protocol.Sink``."""

    name = SinkName.DUCKDB

    def __init__(self, settings: Settings, wait: float = 20.0) -> None:
        """Open nothing yet."""
        self.settings, self.wait = settings, wait

    def migrate(self) -> bool:
        """Bring the schema to head."""
        import sqlalchemy as sa

        from fluxion_pipeline.contracts.migrations.runner import migrate

        with open_file(self.settings, write=True, wait=self.wait, purpose="checking"):
            pass
        with hold(lock_path(self.settings.duckdb_file), wait=self.wait, purpose="migrating"):
            engine = sa.create_engine(f"duckdb:///{self.settings.duckdb_file}", poolclass=sa.pool.NullPool)
            try:
                return migrate(engine).changed
            finally:
                engine.dispose()

    def prepare(self, images: Sequence[Image]) -> None:
        """DuckDB needs nothing."""

    @contextmanager
    def session(self, purpose: str = "writing") -> Iterator[SinkSession]:
        """One transaction, rolled back unless committed."""
        try:
            with open_file(self.settings, write=True, wait=self.wait, purpose=purpose, create=False) as con:
                check_head(con)
                con.execute("BEGIN")
                yield DuckDBSession(con)
        except duckdb.Error as error:
            raise said(error) from error

    def read(self, table: str, names: Sequence[str] | None = None, where: Mapping[str, Sequence[Any]] | None = None) -> pa.Table:
        """Rows of a table as Arrow."""
        chosen = reading.chosen(table_of(self.settings.home, table), names, where or ())
        conditions = [f"{quote(c)} IN (SELECT unnest(?))" for c in where or {}]
        sql = f"SELECT {columns(chosen)} FROM {quote(table)}" + (" WHERE " + " AND ".join(conditions) if conditions else "")  # noqa: S608 quoted names
        with self._open_to_read() as con:
            return con.sql(sql, params=[list(v) for v in (where or {}).values()]).to_arrow_table()

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a read-only statement."""
        return self.answers([sql])[0]

    def answers(self, statements: Sequence[str]) -> list[list[tuple[Any, ...]]]:
        """Rows of several read-only statements; while the file is open for reading nobody writes it."""
        with self._open_to_read() as con:
            return [con.execute(sql).fetchall() for sql in statements]

    @contextmanager
    def _open_to_read(self) -> Iterator[duckdb.DuckDBPyConnection]:
        try:
            with open_file(self.settings, write=False, wait=self.wait, purpose="reading") as con:
                yield con
        except duckdb.Error as error:
            raise said(error) from error


def check_head(con: duckdb.DuckDBPyConnection) -> None:
    """The schema must be at head.

    Raises:
        SinkAway: if it isn't; it says ``fluxion init``.
    """
    try:
        row = con.execute("SELECT version_num FROM alembic_version").fetchone()
    except duckdb.CatalogException:
        row = None
    if row is None or row[0] != HEAD:
        raise SinkAway("duckdb", f"the schema of the DuckDB file is {'at ' + row[0] if row else 'not there'}, head is {HEAD}", "fluxion init")
