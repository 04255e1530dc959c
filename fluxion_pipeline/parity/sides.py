"""The two sides of a comparison, told apart in one place: placeholders, names, slices, text of values.

Lives here: SQL text that differs between the engines, and the questions that both answer (counts per
slice, ledger, whether rows were ever loaded). Doesn't live here: exporting and comparing rows.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import sqlalchemy as sa

from fluxion_pipeline.contracts import sqltext
from fluxion_pipeline.contracts.clock import ZONE_NAME
from fluxion_pipeline.contracts.outcomes import SinkName
from fluxion_pipeline.contracts.sqltext import quote
from fluxion_pipeline.contracts.tables import TableSpec
from fluxion_pipeline.parity.plan import Chunk, Group, Values

NO_SLICE = "(null)"
"""The slice of rows whose slice columns are NULL, which no contract row has."""

Version = tuple[str, int]
"""Outbox id and version of a slice in a sink's ledger."""

FACTS = {"ventas": "ventas", "inventario_actual": "inventario_actual", "inventario_historico": "inventario_actual", "inventario_cortes": "inventario_actual"}
"""The fact in ``cobertura`` that fills a table."""


class Side(Protocol):
    """One engine, within one snapshot of it."""

    name: str

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows of a query; values are bound at ``?``."""
        ...

    def source(self, chunk: Chunk) -> tuple[str, list[Any]]:
        """``FROM`` text of a chunk's rows, with the values that it binds."""
        ...

    def among(self, spec: TableSpec, names: Sequence[str], lists: Sequence[Sequence[str]]) -> tuple[str, list[Any]]:
        """A condition: those columns have, together, one of the values that stand at one place of all lists (as text)."""
        ...

    def slice_text(self, spec: TableSpec) -> str:
        """SQL text of a row's slice, as in the ledger."""
        ...

    def table(self, spec: TableSpec) -> str:
        """The table's name in SQL."""
        ...

    def shown(self, name: str, column: sa.Column[Any]) -> str:
        """SQL of a value as people read it: JSON types where they are exact, else text."""
        ...

    def digest(self, spec: TableSpec) -> str:
        """SQL aggregate of the rows' digests, as text."""
        ...

    def types(self) -> dict[str, dict[str, str]]:
        """The live column types, by table and column."""
        ...


@dataclass(frozen=True)
class Item:
    """A value that is compared: a column, or a digest of several.

    Attributes:
        name: its name.
        duckdb: SQL of it in DuckDB.
        postgresql: SQL of it in PostgreSQL.
        type: DuckDB type as which PostgreSQL's is read.
    """

    name: str
    duckdb: str
    postgresql: str
    type: str


def column_items(spec: TableSpec, names: Sequence[str]) -> tuple[Item, ...]:
    """Columns, compared as they are."""
    return tuple(Item(n, quote(n), quote(n), sqltext.duckdb_type(spec.table.columns[n])) for n in names)


def slice_text_postgresql(spec: TableSpec) -> str:
    """PostgreSQL's twin of ``sqltext.slice_text``."""
    if not spec.slice_columns:
        return "'*'"
    parts = []
    for name in spec.slice_columns:
        column, kind = quote(name), spec.table.columns[name].type
        if isinstance(kind, sa.DateTime):
            parts.append(f"""to_char({column} AT TIME ZONE '{ZONE_NAME}', 'YYYY-MM-DD"T"HH24MI')""")
        elif isinstance(kind, sa.Date):
            parts.append(f"to_char({column}, 'YYYY-MM-DD')")
        else:
            parts.append(column)
    return " || '/' || ".join(parts)


def groups(side: Side, chunk: Chunk, also: str | None = None) -> dict[Values, Group]:
    """Count a chunk's rows by their slice columns, with another aggregate of them where one is asked for."""
    source, values = side.source(chunk)
    return grouped(side, chunk.spec, (source, values), "count(*)", also)


def grouped(side: Side, spec: TableSpec, source: tuple[str, list[Any]], count: str, also: str | None) -> dict[Values, Group]:
    """``groups`` of a relation with the table's slice columns; ``count``: SQL aggregate of how many rows there are."""
    texts = [f"CAST({quote(c)} AS VARCHAR)" for c in spec.slice_columns]
    wanted = [f"coalesce({side.slice_text(spec)}, '{NO_SLICE}')", count, also or "CAST(NULL AS VARCHAR)"]
    by = f" GROUP BY {sqltext.columns(spec.slice_columns)}" if spec.slice_columns else ""
    found = side.rows(f"SELECT {', '.join(wanted + texts)} FROM {source[0]}{by}", source[1])  # noqa: S608 quoted names
    return {_portable(row[3:]): Group(row[0], row[1], row[2]) for row in found}


def without(found: Mapping[Values, Group], slices: Collection[str]) -> Mapping[Values, Group]:
    """The groups of all slices but some."""
    return {v: g for v, g in found.items() if g.slice not in slices} if slices else found


def totals(found: Mapping[Values, Group]) -> dict[str, tuple[int, int]]:
    """Rows of each slice, and the sum of what was asked for beside (a number as text)."""
    result: dict[str, tuple[int, int]] = {}
    for group in found.values():
        rows, total = result.get(group.slice, (0, 0))
        result[group.slice] = rows + group.rows, total + int(group.also or 0)
    return result


def by_slice(found: Mapping[Values, Group]) -> dict[str, int]:
    """Rows of each slice."""
    rows: dict[str, int] = {}
    for group in found.values():
        rows[group.slice] = rows.get(group.slice, 0) + group.rows
    return rows


def versions(side: Side, table: str, slices: Collection[str]) -> dict[str, Version]:
    """What the sink's ledger says of those slices; a slice without a line is left out."""
    if not slices:
        return {}
    found = side.rows("SELECT slice, outbox_id, version FROM lotes_aplicados WHERE tabla = ? AND slice IN (SELECT unnest(?::text[]))", [table, sorted(slices)])
    return {row[0]: (row[1], row[2]) for row in found}


@dataclass(frozen=True)
class Lines:
    """What both ledgers say of some slices, each in the snapshot that is compared; a slice without a line is left out."""

    duckdb: Mapping[str, Version]
    postgresql: Mapping[str, Version]

    def of(self, slice_: str) -> tuple[Version | None, Version | None]:
        """A slice's version in DuckDB and in PostgreSQL."""
        return self.duckdb.get(slice_), self.postgresql.get(slice_)

    @property
    def by_sink(self) -> tuple[tuple[SinkName, Mapping[str, Version]], ...]:
        """Both, each with its sink."""
        return (SinkName.DUCKDB, self.duckdb), (SinkName.POSTGRESQL, self.postgresql)

    @property
    def agreed(self) -> dict[str, Version]:
        """The slices of which both name the same image."""
        return {s: v for s, v in self.duckdb.items() if v == self.postgresql.get(s)}

    def apart(self, slices: Collection[str]) -> set[str]:
        """Those of some slices of which they name different images, or one of them none."""
        return {s for s in slices if self.duckdb.get(s) != self.postgresql.get(s)}


def lines(duckdb: Side, postgresql: Side, table: str, slices: Collection[str]) -> Lines:
    """What both ledgers say of those slices."""
    return Lines(versions(duckdb, table, slices), versions(postgresql, table, slices))


def loaded(side: Side, table: str) -> bool:
    """Whether the sink's ledger or coverage says that rows of this table were loaded."""
    if side.rows("SELECT 1 FROM lotes_aplicados WHERE tabla = ? AND filas > 0 LIMIT 1", [table]):
        return True
    return table in FACTS and bool(side.rows("SELECT 1 FROM cobertura WHERE tabla = ? AND cargadas > 0 LIMIT 1", [FACTS[table]]))


def _portable(values: Sequence[str | None]) -> Values:
    """DuckDB writes ``0044-03-15 (BC)``, PostgreSQL reads ``0044-03-15 BC``."""
    return tuple(v if v is None else v.replace(" (BC)", " BC") for v in values)
