"""One table of any database against one of any other, exactly, by the same comparison as the sinks'.

Both are read in one snapshot each and written nowhere. PostgreSQL's rows come by COPY into a folder of
their own, and DuckDB joins both sides within a bounded memory, spilling to that folder. Before this:
``databases`` and ``kinds``; after it: ``cli.compare``.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import sqlalchemy as sa

from fluxion_pipeline.contracts.outcomes import Verdict
from fluxion_pipeline.contracts.sqltext import quote
from fluxion_pipeline.contracts.tables import TableSpec
from fluxion_pipeline.errors import ContractError, TransientError
from fluxion_pipeline.parity import databases, kinds, levels
from fluxion_pipeline.parity.databases import Address
from fluxion_pipeline.parity.duckdb_side import OTHER, UNREADABLE, DuckdbSide
from fluxion_pipeline.parity.exact import SliceDifference, compare
from fluxion_pipeline.parity.kinds import ColumnKind
from fluxion_pipeline.parity.plan import Chunk
from fluxion_pipeline.parity.postgresql_side import PostgresqlSide
from fluxion_pipeline.parity.report import Difference, Kind
from fluxion_pipeline.parity.sides import column_items

MEMORY = "1GB"
"""What DuckDB may hold; beyond it, it spills."""

_A, _HELD = "compare_a", "compare_held"
_READABLE = {"A": "true", "B": f"{quote(UNREADABLE)} IS NULL"}
"""Which rows of a side may have a NULL for want of a value: those of B that DuckDB can't hold have it for another reason."""
_WORDS = {Kind.MISSING: "only_in_a", Kind.EXTRA: "only_in_b", Kind.CHANGED: "changed", Kind.DUPLICATED: "doubled"}


@dataclass(frozen=True)
class Columns:
    """What is compared, and what can't be.

    Attributes:
        compared: the columns, each with the kind as which it is read.
        only_a: columns that B lacks.
        only_b: columns that A lacks.
        types: (column, type in A, type in B) of those that hold different kinds.
        unknown: the same of those whose types are none that can be compared.
    """

    compared: dict[str, ColumnKind]
    only_a: tuple[str, ...] = ()
    only_b: tuple[str, ...] = ()
    types: tuple[tuple[str, str, str], ...] = ()
    unknown: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True)
class Versus:
    """What a comparison of two tables came to.

    Attributes:
        a: address of the one, as it is shown.
        b: address of the other.
        tables: their tables.
        key: the columns that identify a row.
        columns: what was compared.
        rows: rows of A and of B.
        found: ``missing``: only A has the key; ``extra``: only B; ``doubled_duckdb``: rows beyond the first of their key in A.
        sample: some differences of each kind; ``duckdb`` is A's side, ``postgresql`` B's.
    """

    a: str
    b: str
    tables: tuple[str, str]
    key: tuple[str, ...]
    columns: Columns
    rows: tuple[int, int]
    found: SliceDifference
    sample: tuple[Difference, ...] = field(default_factory=tuple)

    @property
    def verdict(self) -> Verdict:
        """Different where rows, columns or types are; can't be told where a column could not be compared."""
        if any(vars(self.found).values()) or self.columns.only_a or self.columns.only_b or self.columns.types:
            return Verdict.DIFERENTE
        return Verdict.NO_CONCLUYENTE if self.columns.unknown else Verdict.IGUAL

    @property
    def exit_code(self) -> int:
        """0 equal, 1 different, 2 can't be told."""
        return {Verdict.IGUAL: 0, Verdict.DIFERENTE: 1, Verdict.NO_CONCLUYENTE: 2}[self.verdict]

    def to_json(self) -> dict[str, Any]:
        """What ``fluxion compare --json`` prints."""
        found, columns = self.found, self.columns
        return {
            "verdict": str(self.verdict),
            "a": {"database": self.a, "table": self.tables[0], "rows": self.rows[0]},
            "b": {"database": self.b, "table": self.tables[1], "rows": self.rows[1]},
            "key": list(self.key),
            "columns": {
                "compared": list(columns.compared),
                "only_in_a": list(columns.only_a),
                "only_in_b": list(columns.only_b),
                "types": [{"column": c, "a": a, "b": b} for c, a, b in columns.types],
                "not_comparable": [{"column": c, "a": a, "b": b} for c, a, b in columns.unknown],
            },
            "only_in_a": found.missing,
            "only_in_b": found.extra,
            "changed": found.changed,
            "doubled_in_a": found.doubled_duckdb,
            "doubled_in_b": found.doubled_postgresql,
            "sample": [{"kind": word(d), "key": dict(d.key), "a": _row(d.duckdb), "b": _row(d.postgresql), "columns": list(d.columns)} for d in self.sample],
        }


def word(item: Difference) -> str:
    """How a row differs: ``only_in_a``, ``only_in_b``, ``changed`` or ``doubled``."""
    return _WORDS[Kind(item.kind)]


def _row(row: Any) -> dict[str, Any] | None:
    return None if row is None else dict(row)


def versus(a: Address, b: Address, tables: tuple[str, str], key: Sequence[str], only: Sequence[str] = ()) -> Versus:
    """Compare a table of A with one of B.

    Args:
        a: the one database.
        b: the other one; it may be the same.
        tables: the table in A and in B, each ``table`` or ``schema.table``.
        key: the columns that identify a row.
        only: the other columns to compare; by default all that both have.

    Raises:
        ContractError: if a table or a column of ``key`` or ``only`` isn't there, or the key's types can't be compared.
        TransientError: if a database can't be read.
    """
    with tempfile.TemporaryDirectory(prefix="fluxion-compare-") as folder, _memory(Path(folder)) as memory, ExitStack() as stack:
        left = stack.enter_context(_opened(memory, a, tables[0], "parity_a"))
        right = stack.enter_context(_opened(memory, b, tables[1], "parity_b"))
        columns = _columns(left.columns, right.columns, key, only)
        spec = _spec(columns, key)
        chunk, items, file = Chunk(spec, None, 0), column_items(spec, spec.values), Path(folder) / "rows.csv"
        mine = _Mine(memory)
        if left.postgresql is not None:
            _Other(left, columns).export(chunk, items, file)
            mine.receive(chunk, items, file)
            file.unlink()
            memory.execute(f"ALTER TABLE {OTHER} RENAME TO {_HELD}")
            memory.execute(f"CREATE TEMP VIEW {_A} AS SELECT * FROM {_HELD}")  # noqa: S608 own names
            if unreadable := memory.execute(f"SELECT DISTINCT {quote(UNREADABLE)} FROM {_HELD} WHERE {quote(UNREADABLE)} IS NOT NULL").fetchall():  # noqa: S608 own names
                raise ContractError(f"{a.shown} has values in {unreadable[0][0]} that DuckDB can't hold (NaN, before Christ)", "give it as B")
        else:
            memory.execute(f"CREATE TEMP VIEW {_A} AS {left.select(columns)}")
        if right.postgresql is not None:
            other = _Other(right, columns).export(chunk, items, file)
            found = levels.read(mine, chunk, file, other)
        else:
            memory.execute(f"CREATE TEMP VIEW {OTHER} AS SELECT *, CAST(NULL AS VARCHAR) AS {quote(UNREADABLE)} FROM ({right.select(columns)})")  # noqa: S608 quoted names
            ((other,),) = mine.rows(f"SELECT count(*) FROM {OTHER}")  # noqa: S608 own name
            found = compare(mine, chunk, items)
        if found.slices:
            _named_rows(mine, key)
        ((held,),) = mine.rows(f"SELECT count(*) FROM {_A}")  # noqa: S608 own name
        total = found.slices.get("*", SliceDifference())
        return Versus(a.shown, b.shown, tables, tuple(key), columns, (held, other), total, tuple(found.sample))


def _named_rows(mine: _Mine, key: Sequence[str]) -> None:
    """See that the key names each row, where something differs: two rows without a key can't be told to be the same one."""
    for side, where in (("A", _A), ("B", OTHER)):
        for name in key:
            ((rows,),) = mine.rows(f"SELECT count(*) FROM {where} WHERE {quote(name)} IS NULL AND {_READABLE[side]}")  # noqa: S608 quoted names
            if rows:
                raise ContractError(f"key column «{name}» is NULL in {rows} rows of {side}", "compare by columns that are never NULL")


@dataclass(frozen=True)
class _Table:
    """A table of an opened database: its columns, and how it is read."""

    columns: dict[str, str]
    name: str
    postgresql: Any = None

    def select(self, columns: Columns) -> str:
        """SQL of the compared columns, as they are compared."""
        read = kinds.in_duckdb if self.postgresql is None else kinds.in_postgresql
        wanted = ", ".join(f"{read(quote(n), kind)} AS {quote(n)}" for n, kind in columns.compared.items())
        return f"SELECT {wanted} FROM {self.name}"  # noqa: S608 quoted names


class _Mine(DuckdbSide):
    """A's rows, behind one name."""

    instead = "give TMPDIR more space, or compare fewer columns with --columns"

    def table(self, spec: TableSpec) -> str:
        """The view."""
        return _A


class _Other(PostgresqlSide):
    """A table of any PostgreSQL database, its columns cast as they are compared."""

    def __init__(self, table: _Table, columns: Columns) -> None:
        super().__init__(table.postgresql)
        self._select = table.select(columns)

    def table(self, spec: TableSpec) -> str:
        """A subquery in the table's place."""
        return f"({self._select}) AS t"


@contextmanager
def _memory(folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as memory:
        memory.execute("SET TimeZone = 'UTC'")
        memory.execute(f"SET memory_limit = '{MEMORY}'")
        memory.execute("SET preserve_insertion_order = false")
        memory.execute("SET temp_directory = '" + str(folder / "spill").replace("'", "''") + "'")
        try:
            yield memory
        except duckdb.Error as error:
            raise TransientError(f"the comparison ended: {str(error).splitlines()[0]}", "see that the disk of TMPDIR has space, and run it again") from error


@contextmanager
def _opened(memory: duckdb.DuckDBPyConnection, where: Address, table: str, name: str) -> Iterator[_Table]:
    if where.postgresql:
        with databases.snapshot(where) as connection:
            found = databases.columns_of_postgresql(connection, table)
            databases.require(found, where, table)
            yield _Table(found, databases.postgresql_table(table), connection)
        return
    with databases.attached(memory, where, name):
        found = databases.columns_of_duckdb(memory, name, table)
        databases.require(found, where, table)
        yield _Table(found, databases.duckdb_table(name, table))


def _columns(left: dict[str, str], right: dict[str, str], key: Sequence[str], only: Sequence[str]) -> Columns:
    if not key:
        raise ContractError("--key names no column", f"the columns that both have are: {', '.join(n for n in left if n in right)}")
    for wanted in (*key, *only):
        for side, found in (("A", left), ("B", right)):
            if wanted not in found:
                raise ContractError(f"{side} has no column «{wanted}»", f"its columns are: {', '.join(found)}")
    names = [n for n in left if n in right and (not only or n in only or n in key)]
    both = {n: kinds.together(kinds.kind_of(left[n]), kinds.kind_of(right[n])) for n in names}
    odd = [n for n, kind in both.items() if kind is None]
    for name in odd:
        if name in key:
            raise ContractError(f"key column «{name}» is {left[name]} in A, {right[name]} in B", "compare by columns of the same kind")
    unknown = [n for n in odd if not kinds.kind_of(left[n]).kind and not kinds.kind_of(right[n]).kind]
    return Columns(
        {n: kind for n, kind in both.items() if kind is not None},
        () if only else tuple(n for n in left if n not in right),
        () if only else tuple(n for n in right if n not in left),
        tuple((n, left[n], right[n]) for n in odd if n not in unknown),
        tuple((n, left[n], right[n]) for n in unknown),
    )


def _spec(columns: Columns, key: Sequence[str]) -> TableSpec:
    table = sa.Table("compared", sa.MetaData(), *(sa.Column(n, kinds.type_of(kind)) for n, kind in columns.compared.items()))
    return TableSpec("compared", (), tuple(key), own=table)
