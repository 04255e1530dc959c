"""One transaction on the DuckDB file: its own rows are compared with the images inside it.

How the file is opened, and what a sink is, lives in ``connect`` and ``sink``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import uuid4

import duckdb
import pyarrow as pa

from fluxion_pipeline.contracts.sqltext import columns, quote
from fluxion_pipeline.contracts.tables import TableSpec
from fluxion_pipeline.errors import ConvergenceError
from fluxion_pipeline.landing.earlier import WrittenStep
from fluxion_pipeline.landing.index import Image
from fluxion_pipeline.sinks import changes, drift, slices
from fluxion_pipeline.sinks.protocol import AttemptLine, Counts, Drift, Past, WriteReceipt

SUMMED = ("inventario_actual",)
"""Tables of large slices of which few rows change: a sum of hashes tells whether a slice is as it was left."""

WORTHWHILE = 2_000
"""Rows from which on a proof is cheaper than comparing them."""


def _mark(table: TableSpec, slice_: str) -> str:
    return f"suma:{table.name}/{slice_}"


class DuckDBSession:
    """One transaction on the DuckDB file."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Take over an open connection, in a transaction."""
        self.con = connection
        self.drifts: list[Drift] = []

    def lock(self, locations: Sequence[str]) -> None:
        """The file's lock is held already: nobody else writes at all."""

    def meta(self) -> dict[str, str]:
        """``fluxion_meta``."""
        return dict(self.con.execute("SELECT clave, valor FROM fluxion_meta").fetchall())

    def set_meta(self, values: Mapping[str, str]) -> None:
        """Set some of ``fluxion_meta``."""
        given = pa.table({"clave": pa.array(values.keys(), pa.string()), "valor": pa.array(values.values(), pa.string())})
        with self._registered("_meta", given):
            self.con.execute("DELETE FROM fluxion_meta WHERE clave IN (SELECT clave FROM _meta)")
            self.con.execute("INSERT INTO fluxion_meta (clave, valor) SELECT clave, valor FROM _meta")

    def unset_meta(self, name: str) -> None:
        """Remove a line of ``fluxion_meta``."""
        self.con.execute("DELETE FROM fluxion_meta WHERE clave = ?", [name])

    def forget(self) -> None:
        """The ledger's lines count as version 0 from now on."""
        self.con.execute("DELETE FROM fluxion_meta WHERE clave LIKE 'hasta:%' OR clave LIKE 'copia:%' OR clave LIKE 'movidas:%' OR clave = 'intentos'")
        self.con.execute("DELETE FROM lotes_aplicados")

    def make_equal(self, table: TableSpec, images: Sequence[Image], past: Past, outbox: str, *, trust: bool = True, moving: bool = False) -> Counts:
        """Make slices equal to their images; see the protocol."""
        steps = self._steps(table, images, past) if trust else {}
        rest = [i for i in images if i.slice not in steps]
        self._load(table, rest, strays=moving or slices.strays_possible(table))
        plan = changes.find_with_steps(self.con, table, steps, images)
        if not plan.empty:
            self.drifts += drift.find(self.con, table, rest, self._lines(table, rest, outbox), past)
            self._write(table, plan)
        if table.name in SUMMED:
            sums = self._sums(table, images)
            self.set_meta({_mark(table, i.slice): f"{i.version} {sums.get(i.slice, '')}" for i in images})
        return Counts(plan.inserts, plan.updates, plan.deletes, plan.unchanged)

    def _steps(self, table: TableSpec, images: Sequence[Image], past: Past) -> dict[str, WrittenStep]:
        """Slices that hold an older image still, by the hash of their rows, with what turns it into the new one."""
        if table.name not in SUMMED or sum(i.rows for i in images) < WORTHWHILE:
            return {}
        found = {i.slice: step for i in images if (step := past.step(i))}
        if not found:
            return {}
        lines = self.con.execute("SELECT slice, version, filas, huella FROM lotes_aplicados WHERE tabla = ?", [table.name]).fetchall()
        same = {s for s, *line in lines if s in found and tuple(line) == (found[s].version, found[s].rows, found[s].digest)}
        sums, meta = self._sums(table, [i for i in images if i.slice in same]), self.meta()
        return {s: found[s] for s in sorted(same) if s in sums and meta.get(_mark(table, s)) == f"{found[s].version} {sums[s]}"}

    def _sums(self, table: TableSpec, images: Sequence[Image]) -> dict[str, str]:
        """Slice → number of rows and sum of their hashes, as this version of DuckDB has them; slices without rows are left out."""
        with self._registered("_slices", slices.relation(table, images)):
            found = self.con.execute(
                f"SELECT s.slice, count(*), sum(hash({columns(table.columns, 't.')})::HUGEINT)::VARCHAR FROM {quote(table.name)} t"  # noqa: S608 quoted names
                f" JOIN _slices s ON {slices.match(table, 't', 's')} GROUP BY 1"
            ).fetchall()
        return {s: f"{duckdb.__version__} {rows} {total}" for s, rows, total in found}

    def _load(self, table: TableSpec, images: Sequence[Image], *, strays: bool) -> None:
        """Fill ``_imagen`` with the images and ``_tenida`` with what the file holds of their slices, and of their keys elsewhere."""
        changes.load_image(self.con, table, images)
        mine = f"{slices.span(table, images, 't')} AND EXISTS (FROM _slices s WHERE {slices.match(table, 't', 's')})"
        held = f"SELECT {columns(table.columns, 't.')} FROM {quote(table.name)} t WHERE ({mine})"  # noqa: S608 quoted names
        if strays:
            held += f" OR ({columns(table.key, 't.')}) IN (SELECT {columns(table.key)} FROM _imagen)"  # noqa: S608 quoted names
        with self._registered("_slices", slices.relation(table, images)):
            self.con.execute(f"CREATE OR REPLACE TEMP TABLE _tenida AS {held}")

    def _lines(self, table: TableSpec, images: Sequence[Image], outbox: str) -> dict[str, int]:
        sql = "SELECT slice, version FROM lotes_aplicados WHERE tabla = ? AND outbox_id = ? AND slice IN (SELECT unnest(?))"
        return dict(self.con.execute(sql, [table.name, outbox, [i.slice for i in images]]).fetchall())

    def _write(self, table: TableSpec, plan: changes.Plan) -> None:
        name, key = quote(table.name), table.physical_key
        same = " AND ".join(f"t.{quote(k)} = c.{quote(k)}" for k in key)
        done = {"deleted": 0, "updated": 0, "inserted": 0}
        if plan.deletes:
            done["deleted"] = self._count(f"DELETE FROM {name} AS t USING _cambios c WHERE c._que IN ('D', 'X') AND {same}")  # noqa: S608 quoted names
        if plan.updates:
            stamp = ", updated_at = now()" if "updated_at" in table.table.columns else ""
            sets = ", ".join(f"{quote(v)} = c.{quote(v)}" for v in table.values)
            done["updated"] = self._count(f"UPDATE {name} AS t SET {sets}{stamp} FROM _cambios c WHERE c._que = 'U' AND {same}")  # noqa: S608 quoted names
        if plan.inserts:
            names = columns(table.columns)
            done["inserted"] = self._count(f"INSERT INTO {name} ({names}) SELECT {names} FROM _cambios WHERE _que = 'I' ORDER BY {columns(key)}")  # noqa: S608 quoted names
        if done != {"deleted": plan.deletes, "updated": plan.updates, "inserted": plan.inserts}:
            raise ConvergenceError(f"duckdb: {table.name}: planned {plan}, written {done}", "run fluxion doctor; nothing of the transaction was kept")

    def _count(self, sql: str) -> int:
        ((found,),) = self.con.execute(sql).fetchall()
        return int(found)

    def remember(self, images: Sequence[Image], outbox: str, at: datetime) -> None:
        """Write the ledger lines of applied images."""
        lines = pa.table(
            {
                "tabla": [i.table for i in images],
                "slice": [i.slice for i in images],
                "ubicacion": [i.location for i in images],
                "version": pa.array([i.version for i in images], pa.int64()),
                "outbox_id": [outbox] * len(images),
                "filas": pa.array([i.rows for i in images], pa.int64()),
                "huella": [i.digest for i in images],
                "aplicado_en": pa.array([at] * len(images), pa.timestamp("us", tz="UTC")),
            }
        )
        with self._registered("_lineas", lines):
            self.con.execute("DELETE FROM lotes_aplicados AS t USING _lineas l WHERE t.tabla = l.tabla AND t.slice = l.slice")
            self.con.execute("INSERT INTO lotes_aplicados BY NAME SELECT * FROM _lineas")

    def log(self, receipts: Iterable[WriteReceipt], run_id: str | None, at: datetime) -> None:
        """Write the log of what was done."""
        for r in receipts:
            c = r.counts
            self.con.execute(
                "INSERT INTO lotes_registro (id, run_id, tabla, ubicaciones, slices, insertadas, cambiadas, borradas, iguales, segundos, aplicado_en)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [uuid4().hex, run_id, r.table, len(r.locations), r.slices, c.inserted, c.changed, c.deleted, c.unchanged, r.seconds, at],
            )

    def attempts(self, lines: Sequence[AttemptLine]) -> int:
        """Update the attempts' columns of ``cobertura``."""
        if not lines:
            return 0
        with self._registered("_intentos", attempt_table(lines)):
            return self._count(
                "UPDATE cobertura AS c SET verificado_en = s.verificado_en, ultimo_intento = s.ultimo_intento, ultimo_resultado = s.ultimo_resultado,"
                " intentos = s.intentos, segundos = s.segundos, motivo = s.motivo FROM _intentos s"
                " WHERE c.tabla = s.tabla AND c.ubicacion_codigo = s.ubicacion_codigo AND c.corte = s.corte"
                " AND (c.verificado_en, c.ultimo_intento, c.ultimo_resultado, c.intentos, c.segundos, c.motivo) IS DISTINCT FROM"
                " (s.verificado_en, s.ultimo_intento, s.ultimo_resultado, s.intentos, s.segundos, s.motivo)"
            )

    def statement(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of one statement."""
        return self.con.execute(sql).fetchall()

    def commit(self) -> None:
        """Keep all of it."""
        self.con.execute("COMMIT")

    @contextmanager
    def _registered(self, name: str, table: pa.Table) -> Iterator[None]:
        self.con.register(name, table)
        try:
            yield
        finally:
            self.con.unregister(name)


def attempt_table(lines: Sequence[AttemptLine]) -> pa.Table:
    """Attempt lines as Arrow."""
    when = pa.timestamp("us", tz="UTC")
    return pa.table(
        {
            "tabla": [x.tabla for x in lines],
            "ubicacion_codigo": [x.ubicacion_codigo for x in lines],
            "corte": [x.corte for x in lines],
            "verificado_en": pa.array([x.verificado_en for x in lines], when),
            "ultimo_intento": pa.array([x.ultimo_intento for x in lines], when),
            "ultimo_resultado": pa.array([x.ultimo_resultado for x in lines], pa.string()),
            "intentos": pa.array([x.intentos for x in lines], pa.int32()),
            "segundos": pa.array([x.segundos for x in lines], pa.float64()),
            "motivo": pa.array([x.motivo for x in lines], pa.string()),
        }
    )
