"""The exact comparison of a chunk: a full outer join on the key, every other value ``IS DISTINCT FROM``.

A join is blind to a row that is there twice. So its pairs are counted: both sides' keys are unique
exactly where pairs + missing are DuckDB's rows and pairs + extra are PostgreSQL's. Where that holds
and nothing differs, one pass over the rows as they are read has proven the chunk; else they are laid
out, and the differing keys are named. Before this: ``duckdb_side``; after it: ``verdict``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from fluxion_pipeline.contracts import sqltext
from fluxion_pipeline.contracts.sqltext import quote
from fluxion_pipeline.contracts.tables import TableSpec
from fluxion_pipeline.parity.duckdb_side import OTHER, UNREADABLE, DuckdbSide
from fluxion_pipeline.parity.plan import Chunk
from fluxion_pipeline.parity.report import SAMPLE, Difference, Kind
from fluxion_pipeline.parity.sides import NO_SLICE, Item

SLICES = 5
"""How many times ``SAMPLE`` differences of a kind a chunk gives; the verdict chooses among them."""

UNREADABLE_VALUE = "(no value of the column's type)"
_HERE = "parity here"
_TURN = "parity turn"
_DIFFERENT = "parity_different"
_DOUBLED = "parity_doubled"


@dataclass
class SliceDifference:
    """How many keys of a slice differ, and how many rows stand beyond the first of their key."""

    missing: int = 0
    extra: int = 0
    changed: int = 0
    doubled_duckdb: int = 0
    doubled_postgresql: int = 0

    @property
    def surplus(self) -> int:
        """DuckDB's rows less PostgreSQL's."""
        return self.missing - self.extra + self.doubled_duckdb - self.doubled_postgresql

    def plus(self, other: SliceDifference) -> SliceDifference:
        """Both together."""
        return SliceDifference(*(a + b for a, b in zip(vars(self).values(), vars(other).values(), strict=True)))


@dataclass
class ChunkDifference:
    """What differs in a chunk: slices that are equal don't appear."""

    slices: dict[str, SliceDifference] = field(default_factory=dict)
    sample: list[Difference] = field(default_factory=list)


def equal(duckdb: DuckdbSide, chunk: Chunk, items: Sequence[Item], other: str, rows: int) -> bool:
    """Whether DuckDB's rows of a chunk are those of a relation, each once and with the same values.

    Args:
        duckdb: the open file.
        chunk: which rows.
        items: what is compared beside the key.
        other: the relation, with the columns of ``OTHER``; it is read once.
        rows: how many rows it has.
    """
    source, _ = duckdb.source(chunk)
    return _proven(duckdb, _join(chunk.spec, items, source, other), _kind(items), source, rows)


def compare(duckdb: DuckdbSide, chunk: Chunk, items: Sequence[Item]) -> ChunkDifference:
    """Compare DuckDB's rows of a chunk with those of PostgreSQL that ``receive`` has read.

    Args:
        duckdb: the open file.
        chunk: which rows.
        items: what is compared beside the key.
    """
    ((rows,),) = duckdb.rows(f"SELECT count(*) FROM {OTHER}")  # noqa: S608 own name
    if equal(duckdb, chunk, items, OTHER, rows):
        return ChunkDifference()
    return named(duckdb, chunk, items)


def named(duckdb: DuckdbSide, chunk: Chunk, items: Sequence[Item]) -> ChunkDifference:
    """What differs between DuckDB's rows of a chunk and those in ``OTHER``, where something does."""
    source, _ = duckdb.source(chunk)
    _lay_out(duckdb, chunk.spec, items, _join(chunk.spec, items, source, OTHER), _kind(items))
    _lay_out_doubled(duckdb, chunk.spec, source)
    return ChunkDifference(_count(duckdb), _sample(duckdb, chunk.spec, items) + _sample_doubled(duckdb, chunk.spec))


def _kind(items: Sequence[Item]) -> str:
    changed = " OR ".join([f"p.{quote(UNREADABLE)} IS NOT NULL", *(f"d.{quote(i.name)} IS DISTINCT FROM p.{quote(i.name)}" for i in items)])
    return (
        f"CASE WHEN p.{quote(_HERE)} IS NULL THEN '{Kind.MISSING}' WHEN d.{quote(_HERE)} IS NULL THEN '{Kind.EXTRA}' WHEN {changed} THEN '{Kind.CHANGED}' END"
    )


def _join(spec: TableSpec, items: Sequence[Item], source: str, other: str) -> str:
    mine = ", ".join([*(quote(k) for k in spec.physical_key), *(f"{i.duckdb} AS {quote(i.name)}" for i in items)])
    on = " AND ".join(f"d.{quote(k)} = p.{quote(k)}" for k in spec.physical_key)
    return (
        f"(SELECT true AS {quote(_HERE)}, {mine} FROM {source}) d FULL OUTER JOIN "  # noqa: S608 quoted names
        f"(SELECT true AS {quote(_HERE)}, * FROM {other}) p ON {on}"
    )


def _proven(duckdb: DuckdbSide, join: str, kind: str, source: str, rows: int) -> bool:
    ((pairs, different),) = duckdb.rows(f"SELECT count(*), count(kind) FROM (SELECT {kind} AS kind FROM {join})")  # noqa: S608 quoted names
    if different:
        return False
    ((mine,),) = duckdb.rows(f"SELECT count(*) FROM {source}")  # noqa: S608 quoted names
    return bool(pairs == mine == rows)


def _lay_out(duckdb: DuckdbSide, spec: TableSpec, items: Sequence[Item], join: str, kind: str) -> None:
    """One row per differing key in a temporary table: kind, slice, key, both sides' values."""
    keys = [f"CASE WHEN d.{quote(_HERE)} THEN d.{quote(k)} ELSE p.{quote(k)} END AS {quote(k)}" for k in spec.physical_key]
    both = [f"{side}.{quote(i.name)} AS {quote(f'{side} {i.name}')}" for i in items for side in "dp"]
    inner = f"SELECT {kind} AS kind, {', '.join(keys + both)}, p.{quote(UNREADABLE)} AS {quote(UNREADABLE)} FROM {join}"  # noqa: S608 quoted names
    by = sqltext.columns(spec.physical_key)
    duckdb.connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {_DIFFERENT} AS SELECT *, coalesce({sqltext.slice_text(spec)}, '{NO_SLICE}') AS slice FROM ({inner}) "  # noqa: S608 quoted names
        f"WHERE kind IS NOT NULL QUALIFY row_number() OVER (PARTITION BY {by}) = 1"
    )


def _lay_out_doubled(duckdb: DuckdbSide, spec: TableSpec, source: str) -> None:
    by = sqltext.columns(spec.physical_key)
    duckdb.connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {_DOUBLED} AS SELECT *, coalesce({sqltext.slice_text(spec)}, '{NO_SLICE}') AS slice FROM ("  # noqa: S608 quoted names
        f"SELECT {by}, sum(d) AS d, sum(p) AS p FROM (SELECT {by}, 1 AS d, 0 AS p FROM {source} UNION ALL SELECT {by}, 0, 1 FROM {OTHER}) "
        f"GROUP BY {by} HAVING sum(d) > 1 OR sum(p) > 1)"
    )


def _count(duckdb: DuckdbSide) -> dict[str, SliceDifference]:
    found: dict[str, SliceDifference] = {}
    names = {str(Kind.MISSING): "missing", str(Kind.EXTRA): "extra", str(Kind.CHANGED): "changed"}
    for name, kind, number in duckdb.rows(f"SELECT slice, kind, count(*) FROM {_DIFFERENT} GROUP BY ALL"):  # noqa: S608 own name
        setattr(found.setdefault(name, SliceDifference()), names[kind], number)
    doubled = f"SELECT slice, sum(greatest(d - 1, 0))::BIGINT, sum(greatest(p - 1, 0))::BIGINT FROM {_DOUBLED} GROUP BY ALL"  # noqa: S608 own name
    for name, mine, other in duckdb.rows(doubled):
        item = found.setdefault(name, SliceDifference())
        item.doubled_duckdb, item.doubled_postgresql = mine, other
    return found


def _sample(duckdb: DuckdbSide, spec: TableSpec, items: Sequence[Item]) -> list[Difference]:
    """The first differences of each kind, some of every slice: those of a pending one must not crowd out the others."""
    names = [i.name for i in items]
    by_digest = any(n not in spec.columns for n in names)
    show = [duckdb.shown(quote(k), spec.table.columns[k]) for k in spec.physical_key]
    for name in () if by_digest else names:
        show += [duckdb.shown(quote(f"{side} {name}"), spec.table.columns[name]) for side in "dp"]
    wanted = ", ".join(["kind", "slice", quote(UNREADABLE), *show])
    order = sqltext.columns(spec.physical_key)
    turns = f"SELECT *, row_number() OVER (PARTITION BY kind, slice ORDER BY {order}) AS {quote(_TURN)} FROM {_DIFFERENT}"  # noqa: S608 quoted names
    first = f"row_number() OVER (PARTITION BY kind ORDER BY {quote(_TURN)}, {order}) <= {SAMPLE * SLICES}"
    found = duckdb.rows(f"SELECT {wanted} FROM ({turns}) QUALIFY {first} ORDER BY {order}")  # noqa: S608 quoted names
    return [_difference(spec, () if by_digest else names, row) for row in found]


def _difference(spec: TableSpec, names: Sequence[str], row: tuple[Any, ...]) -> Difference:
    kind, name, unreadable, *values = row
    keys = len(spec.physical_key)
    key = dict(zip(spec.physical_key, values[:keys], strict=True))
    mine = dict(zip(names, values[keys::2], strict=True))
    other = dict(zip(names, values[keys + 1 :: 2], strict=True))
    odd = set((unreadable or "").split(",")) & set(names)
    other |= dict.fromkeys(odd, UNREADABLE_VALUE)
    columns = tuple(n for n in names if mine[n] != other[n]) if kind == Kind.CHANGED else ()
    return Difference(kind, key, None if kind == Kind.EXTRA else mine, None if kind == Kind.MISSING else other, columns, name)


def _sample_doubled(duckdb: DuckdbSide, spec: TableSpec) -> list[Difference]:
    show = ", ".join(duckdb.shown(quote(k), spec.table.columns[k]) for k in spec.physical_key)
    order = sqltext.columns(spec.physical_key)
    found = duckdb.rows(f"SELECT slice, d::BIGINT, p::BIGINT, {show} FROM {_DOUBLED} ORDER BY {order} LIMIT {SAMPLE}")  # noqa: S608 quoted names
    return [
        Difference(str(Kind.DUPLICATED), dict(zip(spec.physical_key, r[3:], strict=True)), {"filas": r[1]}, {"filas": r[2]}, ("filas",), r[0]) for r in found
    ]
