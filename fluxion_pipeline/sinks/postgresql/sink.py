"""PostgreSQL as a sink: what it holds is read back by COPY, the change set is found in DuckDB, only it is sent.

READ COMMITTED, with the locations' advisory locks taken before the ledger is read: a snapshot older
than the lock would give silently wrong rows.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import duckdb
import psycopg2
import pyarrow as pa

from fluxion_pipeline.contracts.clock import UTC
from fluxion_pipeline.contracts.migrations import HEAD
from fluxion_pipeline.contracts.outcomes import SinkName
from fluxion_pipeline.contracts.sqltext import columns, quote
from fluxion_pipeline.contracts.tables import TableSpec, spec
from fluxion_pipeline.errors import ConvergenceError, SinkAway
from fluxion_pipeline.landing.index import Image
from fluxion_pipeline.settings import Settings
from fluxion_pipeline.sinks import changes, slices
from fluxion_pipeline.sinks.duckdb.connect import configure
from fluxion_pipeline.sinks.postgresql import transfer
from fluxion_pipeline.sinks.postgresql.connect import Connection, away, connect, connect_raw
from fluxion_pipeline.sinks.protocol import AttemptLine, Counts, SinkSession, WriteReceipt

LOAD_ORDER = {"inventario_historico": ("capturado_en", "producto_codigo", "ubicacion_codigo", "almacen_codigo")}
"""The order of a primary key where it isn't the table's own: sorted rows load twice as fast."""


class PostgreSQLSession:
    """One transaction on the server, with an in-memory DuckDB at its side."""

    def __init__(self, connection: Connection, con: duckdb.DuckDBPyConnection, folder: Path) -> None:
        """Take over open connections and a folder for what travels."""
        self.connection, self.con, self.folder = connection, con, folder
        self.cursor = connection.cursor()

    def lock(self, locations: Sequence[str]) -> None:
        """Advisory locks, in one order for everybody, free when the transaction ends."""
        keys = [f"fluxion:{x}" for x in sorted(set(locations))]
        self.cursor.execute("SELECT pg_advisory_xact_lock(k) FROM (SELECT hashtextextended(unnest(%s::text[]), 0) AS k ORDER BY 1) AS x", (keys,))

    def meta(self) -> dict[str, str]:
        """``fluxion_meta``."""
        self.cursor.execute("SELECT clave, valor FROM fluxion_meta")
        return dict(self.cursor.fetchall())

    def set_meta(self, values: Mapping[str, str]) -> None:
        """Set some of ``fluxion_meta``."""
        self.cursor.execute(
            "INSERT INTO fluxion_meta (clave, valor) SELECT * FROM unnest(%s::text[], %s::text[]) ON CONFLICT (clave) DO UPDATE SET valor = excluded.valor"
            " WHERE fluxion_meta.valor <> excluded.valor",
            (list(values), list(values.values())),
        )

    def forget(self) -> None:
        """The ledger's lines count as version 0 from now on."""
        self.cursor.execute("DELETE FROM fluxion_meta WHERE clave LIKE 'hasta:%%' OR clave = 'intentos'")
        self.cursor.execute("DELETE FROM lotes_aplicados")

    def make_equal(self, table: TableSpec, images: Sequence[Image]) -> Counts:
        """Make slices equal to their images; see the protocol."""
        wanted = sum(i.rows for i in images)
        self._held(table, images)
        self.con.register("_slices", slices.relation(table, images))
        files = sorted({str(i.file) for i in images if i.rows})
        if files:
            self.con.execute(f"CREATE OR REPLACE TEMP TABLE _imagen AS {changes.image_relation(table)}", [files])
        else:
            self.con.execute("CREATE OR REPLACE TEMP TABLE _imagen AS SELECT * FROM _tenida LIMIT 0")
        self.con.unregister("_slices")
        plan = changes.find(self.con, table)
        if plan.wanted != wanted:
            raise ConvergenceError(f"the images of {table.name} have {plan.wanted} rows, their manifests say {wanted}", "restore the outbox from its backup")
        if not plan.empty:
            self._write(table, plan)
        return Counts(plan.inserts, plan.updates, plan.deletes, plan.unchanged)

    def _held(self, table: TableSpec, images: Sequence[Image]) -> None:
        """Read back what the server holds of the slices, into ``_tenida``."""
        file = self.folder / "held.csv"
        names = columns(table.columns, "t.")
        if table.slice_columns:
            arrays = ", ".join(f"%s::{_array_type(table, c)}[]" for c in table.slice_columns)
            given = [list(v) for v in zip(*[slices.values(table, i.slice) for i in images], strict=True)]
            bounds, low_high = _bounds(table, given)
            select = (
                f"SELECT {names} FROM {quote(table.name)} t JOIN unnest({arrays}) AS s({columns(table.slice_columns)})"  # noqa: S608 quoted names
                f" ON {slices.match(table, 't', 's')}{bounds}"
            )
            bound = self.cursor.mogrify(select, [*given, *low_high]).decode()
        else:
            bound = f"SELECT {names} FROM {quote(table.name)} t"  # noqa: S608 quoted names
        transfer.copy_out(self.cursor, table, bound, file)
        self.con.execute(f"CREATE OR REPLACE TEMP TABLE _tenida AS SELECT * FROM {transfer.csv_relation(table, table.columns)}", [str(file)])
        file.unlink()

    def _write(self, table: TableSpec, plan: changes.Plan) -> None:
        name, key, cur = quote(table.name), table.physical_key, self.cursor
        same = " AND ".join(f"t.{quote(k)} = c.{quote(k)}" for k in key)
        deleted = updated = inserted = 0
        if plan.deletes:
            staged = self._stage(table, key, "_que IN ('D', 'X')")
            cur.execute(f"DELETE FROM {name} AS t USING {staged} c WHERE {same}")  # noqa: S608 quoted names
            deleted = cur.rowcount
        if plan.updates:
            staged = self._stage(table, table.columns, "_que = 'U'")
            sets = ", ".join(f"{quote(v)} = c.{quote(v)}" for v in table.values)
            cur.execute(f"UPDATE {name} AS t SET {sets} FROM {staged} c WHERE {same}")  # noqa: S608 quoted names
            updated = cur.rowcount
        if plan.inserts:
            inserted = self._send(table, name, table.columns, "_que = 'I'")
        if (deleted, updated, inserted) != (plan.deletes, plan.updates, plan.inserts):
            raise ConvergenceError(
                f"postgresql: {table.name}: planned {plan}, written {deleted} deletes, {updated} updates, {inserted} inserts",
                "somebody else writes these rows: stop that and run it again; nothing of the transaction was kept",
            )

    def _stage(self, table: TableSpec, names: Sequence[str], condition: str) -> str:
        """Rows of the change set in a temporary table; its name."""
        staged = "_fluxion_" + uuid4().hex[:12]
        self.cursor.execute(f"CREATE TEMP TABLE {staged} ON COMMIT DROP AS SELECT {columns(names)} FROM {quote(table.name)} WITH NO DATA")  # noqa: S608 quoted names
        self._send(table, staged, names, condition)
        self.cursor.execute(f"ANALYZE {staged}")
        return staged

    def _send(self, table: TableSpec, target: str, names: Sequence[str], condition: str) -> int:
        file = self.folder / "changes.csv"
        order = columns(LOAD_ORDER.get(table.name, table.physical_key))
        odd = transfer.awkward(table, names)
        select = f"SELECT {columns(names)} FROM _cambios WHERE ({condition}) AND NOT ({odd}) ORDER BY {order}"  # noqa: S608 quoted names
        transfer.write_csv(self.con, table, names, select, file)
        sent = transfer.copy_in(self.cursor, target, names, file)
        file.unlink()
        rest = self.con.execute(f"SELECT {columns(names)} FROM _cambios WHERE ({condition}) AND ({odd})").fetchall()  # noqa: S608 quoted names
        return sent + transfer.insert_bound(self.cursor, target, names, rest)

    def remember(self, images: Sequence[Image], outbox: str, at: datetime) -> None:
        """Write the ledger lines of applied images."""
        self.cursor.execute(
            "INSERT INTO lotes_aplicados (tabla, slice, ubicacion, version, filas, huella, outbox_id, aplicado_en)"
            " SELECT s.*, %s, %s FROM unnest(%s::text[], %s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::text[]) AS s"
            " ON CONFLICT (tabla, slice) DO UPDATE SET ubicacion = excluded.ubicacion, version = excluded.version, filas = excluded.filas,"
            " huella = excluded.huella, outbox_id = excluded.outbox_id, aplicado_en = excluded.aplicado_en",
            (outbox, at, *([getattr(i, f) for i in images] for f in ("table", "slice", "location", "version", "rows", "digest"))),
        )

    def log(self, receipts: Iterable[WriteReceipt], run_id: str | None, at: datetime) -> None:
        """Write the log of what was done."""
        for r in receipts:
            c = r.counts
            self.cursor.execute(
                "INSERT INTO lotes_registro (id, run_id, tabla, ubicaciones, slices, insertadas, cambiadas, borradas, iguales, segundos, aplicado_en)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
                (uuid4().hex, run_id, r.table, len(r.locations), r.slices, c.inserted, c.changed, c.deleted, c.unchanged, r.seconds, at),
            )

    def attempts(self, lines: Sequence[AttemptLine]) -> int:
        """Update the attempts' columns of ``cobertura``."""
        if not lines:
            return 0
        fields = ("tabla", "ubicacion_codigo", "corte", "verificado_en", "ultimo_intento", "ultimo_resultado", "intentos", "segundos", "motivo")
        self.cursor.execute(
            "UPDATE cobertura AS c SET verificado_en = s.verificado_en, ultimo_intento = s.ultimo_intento, ultimo_resultado = s.ultimo_resultado,"
            " intentos = s.intentos, segundos = s.segundos, motivo = s.motivo"
            " FROM unnest(%s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::timestamptz[], %s::text[], %s::int[], %s::float8[], %s::text[])"
            f" AS s({', '.join(fields)})"
            " WHERE c.tabla = s.tabla AND c.ubicacion_codigo = s.ubicacion_codigo AND c.corte = s.corte"
            " AND (c.verificado_en, c.ultimo_intento, c.ultimo_resultado, c.intentos, c.segundos, c.motivo) IS DISTINCT FROM"
            " (s.verificado_en, s.ultimo_intento, s.ultimo_resultado, s.intentos, s.segundos, s.motivo)",
            tuple([getattr(x, f) for x in lines] for f in fields),
        )
        return int(self.cursor.rowcount)

    def commit(self) -> None:
        """Keep all of it."""
        self.connection.commit()


def _array_type(table: TableSpec, column: str) -> str:
    kind = type(table.table.columns[column].type).__name__
    return {"Text": "text", "Date": "date", "DateTime": "timestamptz"}[kind]


def _bounds(table: TableSpec, given: Sequence[Sequence[Any]]) -> tuple[str, list[Any]]:
    """Bounds of the partition column, so that the planner looks at the months of the slices only."""
    if table.month_column is None:
        return "", []
    values = given[table.slice_columns.index(table.month_column)]
    column = quote(table.month_column)
    more = " + INTERVAL '1 minute'" if isinstance(values[0], datetime) else ""
    return f" AND t.{column} >= %s AND t.{column} <= %s{more}", [min(values), max(values)]


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
            table = spec(image.table)
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
            with connect(self.settings) as connection, tempfile.TemporaryDirectory(dir=base, prefix="pg-") as folder, duckdb.connect(":memory:") as con:
                configure(con, Path(folder))
                with connection.cursor() as cursor:
                    self._check_head(cursor)
                yield PostgreSQLSession(connection, con, Path(folder))
        except psycopg2.Error as error:
            raise ConvergenceError(f"postgresql: {str(error).strip().splitlines()[0]}", "run fluxion doctor; nothing of the transaction was kept") from error

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
        whole = spec(table)
        chosen = tuple(names or whole.columns)
        conditions = [f"{quote(c)} = ANY(%s::{_array_type(whole, c)}[])" for c in where or {}]
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
        with connect(self.settings, read_only=True) as connection, connection.cursor() as cursor:
            try:
                cursor.execute(sql)
                return list(cursor.fetchall())
            except psycopg2.OperationalError as error:
                raise away(error, "reading") from error
