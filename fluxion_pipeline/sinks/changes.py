"""The change set between what a sink holds and what its images say, found in DuckDB for every engine.

Expects two relations in the connection: ``_imagen`` (the rows as they must be) and ``_tenida`` (the
rows that the sink holds of the same slices), both with the table's compared columns. Leaves
``_cambios``: the same columns and ``_que``: I (insert), U (update), D (delete by key), X (delete every
row of a key that is held more than once; its row, if it has one, is inserted anew).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from fluxion_pipeline.contracts.sqltext import columns, duckdb_type, quote
from fluxion_pipeline.contracts.tables import TableSpec
from fluxion_pipeline.errors import ConvergenceError
from fluxion_pipeline.landing.earlier import WrittenStep
from fluxion_pipeline.landing.index import Image
from fluxion_pipeline.landing.past import DAMAGED, DAMAGED_SQL, LOST
from fluxion_pipeline.sinks import slices

RESTORE = "restore the folder lotes of FLUXION_HOME from its backup, then: fluxion sync"


@dataclass(frozen=True)
class Plan:
    """How many rows will be inserted, updated, deleted; how many are held and wanted; whether keys are doubled."""

    inserts: int
    updates: int
    deletes: int
    held: int
    wanted: int
    doubled: bool

    @property
    def unchanged(self) -> int:
        """Rows that are as they must be."""
        return self.wanted - self.inserts - self.updates

    @property
    def empty(self) -> bool:
        """Whether nothing has to be done."""
        return not (self.inserts or self.updates or self.deletes)


def find(con: duckdb.DuckDBPyConnection, table: TableSpec) -> Plan:
    """Fill ``_cambios`` and count it."""
    held, wanted = _one(con, "SELECT count(*) FROM _tenida"), _one(con, "SELECT count(*) FROM _imagen")
    if not held:  # a sink that is filled: there is nothing to join with
        con.execute(f"CREATE OR REPLACE TEMP TABLE _cambios AS SELECT 'I' AS _que, {columns(table.columns)} FROM _imagen")  # noqa: S608 quoted names
        return Plan(wanted, 0, 0, held, wanted, doubled=False)
    key, values = table.physical_key, table.values
    on = " AND ".join(f"i.{quote(k)} = h.{quote(k)}" for k in key)
    differs = " OR ".join(f"i.{quote(v)} IS DISTINCT FROM h.{quote(v)}" for v in values) or "false"
    first = quote(key[0])
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE _cambios AS
        SELECT CASE WHEN h.{first} IS NULL THEN 'I' WHEN i.{first} IS NULL THEN 'D' ELSE 'U' END AS _que,
               {", ".join(f"coalesce(i.{quote(k)}, h.{quote(k)}) AS {quote(k)}" for k in key)}{"".join(f", i.{quote(v)}" for v in values)}
        FROM _imagen i FULL OUTER JOIN _tenida h ON {on}
        WHERE h.{first} IS NULL OR i.{first} IS NULL OR {differs}
        """  # noqa: S608 quoted names
    )
    counts: dict[str, int] = dict(con.execute("SELECT _que, count(*) FROM _cambios GROUP BY 1").fetchall())
    inserts, updates, deletes = counts.get("I", 0), counts.get("U", 0), counts.get("D", 0)
    if held - deletes == wanted - inserts:
        return Plan(inserts, updates, deletes, held, wanted, doubled=False)
    return _with_doubles(con, table, held, wanted)


def _with_doubles(con: duckdb.DuckDBPyConnection, table: TableSpec, held: int, wanted: int) -> Plan:
    """A join is blind to a row that is there twice: such keys are deleted whole and inserted anew."""
    key = columns(table.physical_key)
    con.execute(f"CREATE OR REPLACE TEMP TABLE _dobles AS SELECT {key}, count(*) AS _n FROM _tenida GROUP BY ALL HAVING count(*) > 1")  # noqa: S608 quoted names
    con.execute(f"DELETE FROM _cambios WHERE ({key}) IN (SELECT {key} FROM _dobles)")  # noqa: S608 quoted names
    con.execute(f"INSERT INTO _cambios BY NAME SELECT 'X' AS _que, {key} FROM _dobles")  # noqa: S608 quoted names
    con.execute(f"INSERT INTO _cambios BY NAME SELECT 'I' AS _que, i.* FROM _imagen i SEMI JOIN _dobles USING ({key})")  # noqa: S608 quoted names
    counts: dict[str, int] = dict(con.execute("SELECT _que, count(*) FROM _cambios GROUP BY 1").fetchall())
    doubled = _one(con, "SELECT coalesce(sum(_n), 0) FROM _dobles")
    return Plan(counts.get("I", 0), counts.get("U", 0), counts.get("D", 0) + doubled, held, wanted, doubled=True)


def find_with_steps(con: duckdb.DuckDBPyConnection, table: TableSpec, steps: Mapping[str, WrittenStep], images: Sequence[Image]) -> Plan:
    """``find``, and for slices that hold an older image of which their lote wrote the changes: those.

    Args:
        con: as for ``find``, without the rows of these slices.
        table: the table.
        steps: slice → the changes.
        images: what the sink owes; those of other slices are left alone.

    Raises:
        ConvergenceError: if the changes don't turn the older images into these.
    """
    plan = find(con, table)
    if not steps:
        return plan
    con.execute("CREATE OR REPLACE TEMP TABLE _pasos AS FROM read_parquet(?, hive_partitioning = false)", [[str(s.file) for s in steps.values()]])
    con.execute("INSERT INTO _cambios BY NAME FROM _pasos")
    counts: dict[str, int] = dict(con.execute("SELECT _que, count(*) FROM _pasos GROUP BY 1").fetchall())
    inserts, updates, deletes = counts.get("I", 0), counts.get("U", 0), counts.get("D", 0)
    held, wanted = sum(s.rows for s in steps.values()), sum(i.rows for i in images if i.slice in steps)
    if held - deletes + inserts != wanted:
        raise ConvergenceError(f"the changes of {table.name} turn {held} rows into {held - deletes + inserts}, their manifests say {wanted}", RESTORE)
    return Plan(plan.inserts + inserts, plan.updates + updates, plan.deletes + deletes, plan.held + held, plan.wanted + wanted, plan.doubled)


def _one(con: duckdb.DuckDBPyConnection, sql: str) -> int:
    ((found,),) = con.execute(sql).fetchall()
    return int(found)


def load_image(con: duckdb.DuckDBPyConnection, table: TableSpec, images: Sequence[Image], target: str = "_imagen") -> None:
    """Fill ``_imagen`` (or another temporary table) with the images' applied rows.

    Raises:
        ConvergenceError: if a file of the outbox can't be read (it is named), or has other rows than its manifest says.
    """
    if not any(i.rows for i in images):
        con.execute(f"CREATE OR REPLACE TEMP TABLE {target} AS {_no_rows(table)}")
        return
    _from_files(con, table, images, f"CREATE OR REPLACE TEMP TABLE {target} AS {image_relation(table)}")
    _as_many(table, images, _one(con, f"SELECT count(*) FROM {target}"))  # noqa: S608 own names


def measure_images(con: duckdb.DuckDBPyConnection, table: TableSpec, images: Sequence[Image], measure: str) -> dict[str, tuple[int, int]]:
    """Rows of each image, and an aggregate of them (SQL of a number as text); they are laid out nowhere.

    Raises:
        ConvergenceError: as ``load_image``.
    """
    if not any(i.rows for i in images):
        return {}
    files, wanted = sorted({str(i.file) for i in images if i.rows}), {(i.slice, str(i.file)) for i in images}
    applied = "AND NOT _desplazada" if table.name == "ventas" else ""
    sql = f"SELECT _slice, filename, count(*), {measure} FROM {_files(table)} AS r WHERE _slice BETWEEN ? AND ? {applied} GROUP BY 1, 2"  # noqa: S608 quoted names
    try:  # each slice of the files' pieces: to count too many is cheaper than to look each row up
        found = [x for x in con.execute(sql, [files, min(wanted)[0], max(wanted)[0]]).fetchall() if (x[0], x[1]) in wanted]
    except DAMAGED_SQL as error:
        raise unreadable(table, files, error) from error
    _as_many(table, images, sum(rows for _, _, rows, _ in found))
    return {slice_: (rows, int(total)) for slice_, _, rows, total in found}


def _from_files(con: duckdb.DuckDBPyConnection, table: TableSpec, images: Sequence[Image], sql: str) -> list[tuple[Any, ...]]:
    files = sorted({str(i.file) for i in images if i.rows})
    try:
        with slices.laid_out(con, images):
            return con.execute(sql, [files]).fetchall()
    except DAMAGED_SQL as error:
        raise unreadable(table, files, error) from error


def _as_many(table: TableSpec, images: Sequence[Image], found: int) -> None:
    wanted = sum(i.rows for i in images)
    if wanted != found:
        raise ConvergenceError(f"the images of {table.name} have {found} rows, their manifests say {wanted}", LOST.format(table=table.name))


def unreadable(table: TableSpec, files: Sequence[str], error: Exception) -> Exception:
    """The file at fault, found by reading each alone; the driver's own error if none is."""
    for file in files:
        try:
            _read(table, file)
        except (*DAMAGED, *DAMAGED_SQL) as found:
            what = (str(found).splitlines() or [type(found).__name__])[0]
            return ConvergenceError(f"the image {file} of {table.name} can't be read: {what}", LOST.format(table=table.name))
    return error


def _read(table: TableSpec, file: str) -> None:
    """Read all of a file, as landing does and as sinks do: a damage may trouble one of them only, and a connection that met it is spoilt."""
    import pyarrow.parquet as pq

    pq.ParquetFile(file, page_checksum_verification=True).read(use_threads=False).column("_slice")
    with duckdb.connect() as alone:
        alone.execute(f"SELECT max(hash(_slice, {columns(table.columns)})) FROM {_files(table)}", [[file]]).fetchall()  # noqa: S608 quoted names


def _no_rows(table: TableSpec) -> str:
    names = ", ".join(f"CAST(NULL AS {duckdb_type(table.table.columns[c])}) AS {quote(c)}" for c in table.columns)
    return f"SELECT {names} WHERE false"


def _files(table: TableSpec) -> str:
    """SQL of all rows of the files that are bound as a list."""
    rows = "read_parquet(?, filename = true, union_by_name = true, hive_partitioning = false)"
    # Images that are older than a column of an own table's contract have NULL there.
    return rows if table.own is None else f"(FROM {rows} UNION ALL BY NAME {_no_rows(table)})"


def image_relation(table: TableSpec, among: str = "") -> str:
    """SQL of the images' applied rows, given the relation ``_slices`` (slice, file) and bound: the list of files.

    With ``among`` only rows whose physical key is in that relation.
    """
    applied = "AND NOT r._desplazada" if table.name == "ventas" else ""
    rows = _files(table)
    if among:
        rows = f"(FROM {rows} SEMI JOIN {among} USING ({columns(table.physical_key)}))"
    return f"SELECT {columns(table.columns, 'r.')} FROM {rows} r JOIN _slices s ON r._slice = s.slice AND r.filename = s.file WHERE true {applied}"  # noqa: S608
