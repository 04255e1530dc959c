"""Seals: PostgreSQL proves in one statement that nobody touched a slice since it was made equal.

A slice is untouched where it has as many rows as its image and no row of a transaction that the seal
hasn't seen, but for the one that made it equal. A seal is kept in the ledger, beside the rows and in
their transaction: a restored copy of the server takes both along. It holds for one server, database
and set of tables with their columns (a column can be renamed without any row knowing); anywhere else,
and without one, the rows are read back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fluxion_pipeline.contracts.sqltext import columns, quote
from fluxion_pipeline.contracts.tables import TableSpec
from fluxion_pipeline.sinks import slices
from fluxion_pipeline.sinks.postgresql.transfer import Cursor, array_type, bounds

OLDEST = 1_000_000_000
"""Transactions after which a seal is no longer trusted: PostgreSQL compares their 32-bit ids in a circle."""


@dataclass(frozen=True)
class Line:
    """A line of the ledger with its seal.

    Attributes:
        slice: the slice.
        version: the image that it was made equal to.
        rows: rows of that image.
        digest: its digest.
        outbox: the outbox that it came from.
        seal: (server, mark, transaction); None: it has none.
    """

    slice: str
    version: int
    rows: int
    digest: str
    outbox: str
    seal: tuple[str, int, int] | None


@dataclass(frozen=True)
class Moment:
    """For which server and tables a seal holds, and the oldest transaction that may not have been seen yet."""

    server: str
    mark: int

    def trusts(self, server: str, mark: int) -> bool:
        """Whether a mark of before means the same transactions now."""
        return bool(self.server) and server == self.server and 0 <= self.mark - mark < OLDEST


def moment(cursor: Cursor, table: TableSpec) -> Moment:
    """The moment of this statement. Taken before rows are read, so that whatever isn't seen counts as later."""
    name = f"public.{quote(table.name)}"
    cursor.execute("SELECT has_function_privilege('pg_control_system()', 'execute'), pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
    allowed, mark = cursor.fetchall()[0]
    if not allowed:
        return Moment("", int(mark))
    cursor.execute(
        "SELECT c.system_identifier || '/' || d.oid || '/' || (SELECT md5(string_agg(a::text, ',' ORDER BY a)) FROM"
        " (SELECT attrelid, attnum, attname, atttypid, atttypmod FROM pg_attribute WHERE attnum > 0 AND attrelid IN"
        " (SELECT %s::regclass::oid UNION ALL SELECT inhrelid FROM pg_inherits WHERE inhparent = %s::regclass)) AS a)"
        " FROM pg_control_system() AS c, pg_database AS d WHERE d.datname = current_database()",
        (name, name),
    )
    return Moment(str(cursor.fetchall()[0][0]), int(mark))


def lines(cursor: Cursor, table: TableSpec, names: Sequence[str]) -> list[Line]:
    """The ledger's lines of some slices."""
    cursor.execute(
        "SELECT slice, version, filas, huella, outbox_id, servidor, marca, transaccion FROM lotes_aplicados WHERE tabla = %s AND slice = ANY(%s)",
        (table.name, list(names)),
    )
    return [
        Line(slice_, version, rows, digest, outbox, (server, mark, transaction) if server and mark and transaction else None)
        for slice_, version, rows, digest, outbox, server, mark, transaction in cursor.fetchall()
    ]


def untouched(cursor: Cursor, table: TableSpec, found: Sequence[Line], now: Moment) -> set[str]:
    """The slices, among those of some lines, that are as they were when they were made equal."""
    sealed: Mapping[str, tuple[Line, tuple[str, int, int]]] = {x.slice: (x, x.seal) for x in found if x.seal and now.trusts(x.seal[0], x.seal[1])}
    if not sealed:
        return set()
    given = [list(v) for v in zip(*[slices.values(table, name) for name in sealed], strict=True)]
    arrays = "".join(f", %s::{array_type(table, c)}[]" for c in table.slice_columns)
    rows, bound = _rows_by_age(table, given)
    fields = ", ".join(["n", *(quote(c) for c in table.slice_columns), "filas", "marca", "transaccion"])
    # OFFSET 0: each seal's age is reckoned once, not once a row.
    cursor.execute(
        f"SELECT s.n FROM (SELECT *, age((marca::text::xid8)::xid) AS edad, (transaccion::text::xid8)::xid AS propia"  # noqa: S608 quoted names
        f" FROM unnest(%s::text[]{arrays}, %s::bigint[], %s::bigint[], %s::bigint[]) AS x({fields}) OFFSET 0) AS s"
        f" LEFT JOIN ({rows}) AS t ON {slices.match(table, 't', 's')} GROUP BY s.n, s.filas"
        f" HAVING coalesce(sum(t._filas), 0) = s.filas AND count(*) FILTER (WHERE age(t._hecha) <= s.edad AND t._hecha <> s.propia) = 0",
        [
            list(sealed),
            *given,
            [line.rows for line, _ in sealed.values()],
            [seal[1] for _, seal in sealed.values()],
            [seal[2] for _, seal in sealed.values()],
            *bound,
        ],
    )
    return {str(row[0]) for row in cursor.fetchall()}


def _rows_by_age(table: TableSpec, given: Sequence[Sequence[Any]]) -> tuple[str, list[Any]]:
    """SQL of the slices' rows, counted by the transaction that wrote them, with what it binds.

    A slice has rows of few transactions: to count first and match the counts costs a third of matching each row.
    """
    between, low_high = bounds(table, given)
    names, wanted, bound = columns(table.slice_columns, "t."), "true", []
    for name, found in zip(table.slice_columns, given, strict=True):
        if not isinstance(found[0], datetime):
            wanted += f" AND t.{quote(name)} = ANY (%s::{array_type(table, name)}[])"
            bound.append(sorted(set(found)))
    counted = f"SELECT {names}, t.xmin AS _hecha, count(*) AS _filas FROM {quote(table.name)} t WHERE {wanted}{between}"  # noqa: S608 quoted names
    return f"{counted} GROUP BY {names}, t.xmin", [*bound, *low_high]
