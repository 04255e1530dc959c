"""One transaction on PostgreSQL: the change set is found in DuckDB against what it holds, and only that is sent.

What it holds is its last image where one statement proves that nobody touched the slice (``seals``);
else the rows are read back by COPY.

READ COMMITTED, with the locations' advisory locks taken before the ledger is read: a snapshot older
than the lock would give silently wrong rows. What a sink is, lives in ``sink``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import duckdb

from fluxion_pipeline.contracts.sqltext import columns, quote
from fluxion_pipeline.contracts.tables import TableSpec
from fluxion_pipeline.errors import ConvergenceError
from fluxion_pipeline.landing.earlier import WrittenStep
from fluxion_pipeline.landing.index import Image
from fluxion_pipeline.sinks import changes, drift, slices
from fluxion_pipeline.sinks.postgresql import seals, transfer
from fluxion_pipeline.sinks.postgresql.beside import Beside
from fluxion_pipeline.sinks.postgresql.connect import Connection
from fluxion_pipeline.sinks.protocol import AttemptLine, Counts, Drift, Past, WriteReceipt

LOAD_ORDER = {"inventario_historico": ("capturado_en", "ubicacion_codigo", "producto_codigo", "almacen_codigo")}
"""The order of a primary key where it isn't the table's own: sorted rows load twice as fast."""

WORTHWHILE = 2_000
"""Rows from which on a proof is cheaper than reading them back."""


class PostgreSQLSession:
    """One transaction on the server, with an in-memory DuckDB at its side."""

    def __init__(self, connection: Connection, beside: Beside) -> None:
        """Take over an open connection and what it has at its side."""
        self.connection, self._beside = connection, beside
        self.cursor = connection.cursor()
        self.drifts: list[Drift] = []
        self._moments: dict[str, seals.Moment] = {}

    @property
    def con(self) -> duckdb.DuckDBPyConnection:
        """The DuckDB, made when it is first needed."""
        return self._beside.con

    @property
    def folder(self) -> Path:
        """For what travels."""
        return self._beside.folder

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

    def unset_meta(self, name: str) -> None:
        """Remove a line of ``fluxion_meta``."""
        self.cursor.execute("DELETE FROM fluxion_meta WHERE clave = %s", (name,))

    def forget(self) -> None:
        """The ledger's lines count as version 0 from now on."""
        self.cursor.execute("DELETE FROM fluxion_meta WHERE clave LIKE 'hasta:%' OR clave LIKE 'copia:%' OR clave LIKE 'movidas:%' OR clave = 'intentos'")
        self.cursor.execute("DELETE FROM lotes_aplicados")

    def make_equal(self, table: TableSpec, images: Sequence[Image], past: Past, outbox: str, *, trust: bool = True, moving: bool = False) -> Counts:
        """Make slices equal to their images; see the protocol."""
        now = self._moments[table.name] = seals.moment(self.cursor, table)
        known = seals.lines(self.cursor, table, [i.slice for i in images])
        strays = moving or slices.strays_possible(table)
        still = self._proven(table, images, known, past, now) if trust and not strays else {}
        steps = {n: x for n, x in still.items() if isinstance(x, WrittenStep)}
        changes.load_image(self.con, table, [i for i in images if i.slice not in steps])
        changes.load_image(self.con, table, [x for x in still.values() if isinstance(x, Image)], "_tenida")
        if rest := [i for i in images if i.slice not in still]:
            self._held(table, rest, strays=strays)
        plan = changes.find_with_steps(self.con, table, steps, images)
        if not plan.empty:
            if rest:
                lines = {x.slice: x.version for x in known if x.outbox == outbox}
                self.drifts += drift.find(self.con, table, rest, lines, past)
            self._write(table, plan)
        return Counts(plan.inserts, plan.updates, plan.deletes, plan.unchanged)

    def _proven(self, table: TableSpec, images: Sequence[Image], known: Sequence[seals.Line], past: Past, now: seals.Moment) -> dict[str, Image | WrittenStep]:
        """Slices that the server proves to hold an image still: with what turns it into the new one, or with it; none where reading back is cheap."""
        if not table.slice_columns:
            return {}
        if sum(x.rows for x in known) < WORTHWHILE:
            return {}
        owed = {i.slice: i for i in images}
        found: dict[str, Image | WrittenStep] = {}
        for line in known:
            step = past.step(owed[line.slice]) if line.seal else None
            if step is not None and step.version == line.version:
                found[line.slice] = step
            elif line.seal and (image := past(owed[line.slice].location, table.name, line.slice, line.version)):
                found[line.slice] = image
        same = [x for x in known if x.slice in found and (x.rows, x.digest) == (found[x.slice].rows, found[x.slice].digest)]
        return {name: found[name] for name in seals.untouched(self.cursor, table, same, now)}

    def _held(self, table: TableSpec, images: Sequence[Image], *, strays: bool) -> None:
        """Read back what the server holds of the slices, and of their keys elsewhere, and add it to ``_tenida``."""
        file = self.folder / "held.csv"
        names = columns(table.columns, "t.")
        if table.slice_columns:
            arrays = ", ".join(f"%s::{transfer.array_type(table, c)}[]" for c in table.slice_columns)
            given = [list(v) for v in zip(*[slices.values(table, i.slice) for i in images], strict=True)]
            bounds, low_high = transfer.bounds(table, given)
            select = (
                f"SELECT {names} FROM {quote(table.name)} t JOIN unnest({arrays}) AS s({columns(table.slice_columns)})"  # noqa: S608 quoted names
                f" ON {slices.match(table, 't', 's')}{bounds}"
            )
            bound = self.cursor.mogrify(select, [*given, *low_high]).decode()
            if strays:
                staged = self._stage(table, table.key, "_imagen WHERE true")
                bound += f" UNION SELECT {names} FROM {quote(table.name)} t JOIN {staged} i USING ({columns(table.key)})"  # noqa: S608 quoted names
        else:
            bound = f"SELECT {names} FROM {quote(table.name)} t"  # noqa: S608 quoted names
        transfer.copy_out(self.cursor, table, bound, file)
        rows = transfer.csv_relation(table, table.columns)
        self.con.execute(f"INSERT INTO _tenida SELECT * FROM {rows}", [str(file)])  # noqa: S608 quoted names
        file.unlink()

    def _write(self, table: TableSpec, plan: changes.Plan) -> None:
        name, key, cur = quote(table.name), table.physical_key, self.cursor
        same = " AND ".join(f"t.{quote(k)} = c.{quote(k)}" for k in key)
        deleted = updated = inserted = 0
        cur.execute("SET LOCAL random_page_cost = 1.1")  # few rows of many: look them up by their key instead of reading the whole table
        if plan.deletes:
            staged = self._stage(table, key, "_cambios WHERE _que IN ('D', 'X')")
            cur.execute(f"DELETE FROM {name} AS t USING {staged} c WHERE {same}")  # noqa: S608 quoted names
            deleted = cur.rowcount
        if plan.updates:
            staged = self._stage(table, table.columns, "_cambios WHERE _que = 'U'")
            sets = ", ".join(f"{quote(v)} = c.{quote(v)}" for v in table.values)
            cur.execute(f"UPDATE {name} AS t SET {sets} FROM {staged} c WHERE {same}")  # noqa: S608 quoted names
            updated = cur.rowcount
        if plan.inserts:
            inserted = self._send(table, name, table.columns, "_cambios WHERE _que = 'I'")
        if (deleted, updated, inserted) != (plan.deletes, plan.updates, plan.inserts):
            raise ConvergenceError(
                f"postgresql: {table.name}: planned {plan}, written {deleted} deletes, {updated} updates, {inserted} inserts",
                "somebody else writes these rows: stop that and run it again; nothing of the transaction was kept",
            )

    def _stage(self, table: TableSpec, names: Sequence[str], source: str) -> str:
        """Rows of a DuckDB relation in a temporary table; its name."""
        staged = "_fluxion_" + uuid4().hex[:12]
        self.cursor.execute(f"CREATE TEMP TABLE {staged} ON COMMIT DROP AS SELECT {columns(names)} FROM {quote(table.name)} WITH NO DATA")  # noqa: S608 quoted names
        self._send(table, staged, names, source)
        self.cursor.execute(f"ANALYZE {staged}")
        return staged

    def _send(self, table: TableSpec, target: str, names: Sequence[str], source: str) -> int:
        """Rows of a DuckDB relation (one that may be followed by a condition) into a table; their number."""
        file = self.folder / "changes.csv"
        order = columns(LOAD_ORDER.get(table.name, table.physical_key))
        odd = transfer.awkward(table, names)
        select = f"SELECT {columns(names)} FROM {source} AND NOT ({odd}) ORDER BY {order}"  # noqa: S608 quoted names
        transfer.write_csv(self.con, table, names, select, file)
        sent = transfer.copy_in(self.cursor, target, names, file)
        file.unlink()
        rest = self.con.execute(f"SELECT {columns(names)} FROM {source} AND ({odd})").fetchall()  # noqa: S608 quoted names
        return sent + transfer.insert_bound(self.cursor, target, names, rest)

    def remember(self, images: Sequence[Image], outbox: str, at: datetime) -> None:
        """Write the ledger lines of applied images, each with its seal: what was seen before, and this transaction."""
        made = [self._moments[i.table] for i in images]
        self.cursor.execute(
            "INSERT INTO lotes_aplicados (tabla, slice, ubicacion, version, filas, huella, servidor, marca, outbox_id, aplicado_en, transaccion)"
            " SELECT s.*, %s, %s, pg_current_xact_id()::text::bigint"
            " FROM unnest(%s::text[], %s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::bigint[]) AS s"
            " ON CONFLICT (tabla, slice) DO UPDATE SET ubicacion = excluded.ubicacion, version = excluded.version, filas = excluded.filas,"
            " huella = excluded.huella, outbox_id = excluded.outbox_id, aplicado_en = excluded.aplicado_en,"
            " servidor = excluded.servidor, marca = excluded.marca, transaccion = excluded.transaccion",
            (
                outbox,
                at,
                *([getattr(i, f) for i in images] for f in ("table", "slice", "location", "version", "rows", "digest")),
                [m.server or None for m in made],
                [m.mark for m in made],
            ),
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
            " AS s(tabla, ubicacion_codigo, corte, verificado_en, ultimo_intento, ultimo_resultado, intentos, segundos, motivo)"
            " WHERE c.tabla = s.tabla AND c.ubicacion_codigo = s.ubicacion_codigo AND c.corte = s.corte"
            " AND (c.verificado_en, c.ultimo_intento, c.ultimo_resultado, c.intentos, c.segundos, c.motivo) IS DISTINCT FROM"
            " (s.verificado_en, s.ultimo_intento, s.ultimo_resultado, s.intentos, s.segundos, s.motivo)",
            tuple([getattr(x, f) for x in lines] for f in fields),
        )
        return int(self.cursor.rowcount)

    def statement(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of one statement; none for DDL."""
        self.cursor.execute(sql)
        return list(self.cursor.fetchall()) if self.cursor.description else []

    def commit(self) -> None:
        """Keep all of it."""
        self.connection.commit()
