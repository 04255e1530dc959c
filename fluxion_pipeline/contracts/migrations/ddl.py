"""The words in which revisions are written: tables, columns and indexes, the same for both engines.

Released revisions use these, so what they do stays as it is; a new need gets a new function. What
PostgreSQL has and DuckDB hasn't (keys, indexes, partitions) is left out on DuckDB here, in one place.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import op

T = sa.Text
N = sa.Numeric(18, 4)
Z = sa.DateTime(timezone=True)
D = sa.Date
B = sa.Boolean
I = sa.Integer  # noqa: E741 the letter of the interface
L = sa.BigInteger
F = sa.Double

_SQL = Path(__file__).parent / "versions" / "sql"


def on_postgresql() -> bool:
    """Whether the running migration is PostgreSQL's."""
    return op.get_bind().dialect.name == "postgresql"


def required(name: str, type_: Any) -> sa.Column[Any]:
    """A column that is never NULL."""
    return sa.Column(name, type_, nullable=False, autoincrement=False)


def optional(name: str, type_: Any) -> sa.Column[Any]:
    """A column that may be NULL."""
    return sa.Column(name, type_, nullable=True)


def stamp(name: str) -> sa.Column[Any]:
    """An instant that the engine fills in by itself: an INSERT needn't name it."""
    return sa.Column(name, Z, nullable=True, server_default=sa.func.now())


def create_table(name: str, *columns: sa.Column[Any], key: tuple[str, ...], by_month: str | None = None) -> None:
    """Create a table.

    Args:
        name: of the table.
        columns: in the table's order.
        key: primary key in its physical order; PostgreSQL only (on DuckDB it makes writes several times dearer).
        by_month: column by whose range PostgreSQL partitions the table.
    """
    parts: list[Any] = list(columns)
    more: dict[str, Any] = {}
    if on_postgresql():
        parts.append(sa.PrimaryKeyConstraint(*key, name=f"{name}_pkey"))
        if by_month:
            more["postgresql_partition_by"] = f"RANGE ({by_month})"
    op.create_table(name, *parts, **more)


def create_index(table: str, *columns: str, where: str | None = None) -> None:
    """Create an index ``ix_<table>_<first column>`` on PostgreSQL; nothing on DuckDB."""
    if on_postgresql():
        op.create_index(f"ix_{table}_{columns[0]}", table, list(columns), postgresql_where=sa.text(where) if where else None)


def leave_room(table: str, percent: int) -> None:
    """Fill a table's pages up to a percentage on PostgreSQL, the rest is for new versions of their rows; nothing on DuckDB."""
    if on_postgresql():
        op.execute(f"ALTER TABLE {table} SET (fillfactor = {percent:d})")


def create_bloom_index(table: str, column: str, distinct: int | None = None) -> None:
    """Create a BRIN index of Bloom filters on PostgreSQL; nothing on DuckDB.

    For a column whose values come back in every load of a large table: a B-tree would write a page
    per value each time (here 440 MB of WAL a day instead of 90), this one writes next to nothing.

    Args:
        table: the table.
        column: the column.
        distinct: how many values four pages have; fuller filters let pages pass that have none of what is asked for. None: a hundred.
    """
    if on_postgresql():
        kind = "text_bloom_ops" + (f"(n_distinct_per_range = {distinct:d})" if distinct else "")
        op.create_index(f"ix_{table}_{column}", table, [column], postgresql_using="brin", postgresql_ops={column: kind}, postgresql_with={"pages_per_range": 4})


def create_range_index(table: str, column: str) -> None:
    """Create a BRIN index of least and greatest values on PostgreSQL, for a column whose rows of a load lie together; nothing on DuckDB."""
    if on_postgresql():
        op.create_index(f"ix_{table}_{column}", table, [column], postgresql_using="brin", postgresql_with={"pages_per_range": 4})


def drop_index(table: str, column: str) -> None:
    """Drop an index by its first column on PostgreSQL; nothing on DuckDB."""
    if on_postgresql():
        op.drop_index(f"ix_{table}_{column}", table)


def replace_key(table: str, *columns: str) -> None:
    """Build a primary key anew in another order of its columns on PostgreSQL; nothing on DuckDB."""
    if on_postgresql():
        op.drop_constraint(f"{table}_pkey", table)
        op.create_primary_key(f"{table}_pkey", table, list(columns))


def take_time() -> None:
    """Let the statements that follow take as long as a large table needs."""
    if on_postgresql():
        op.execute("SET LOCAL statement_timeout = 0")


def create_unique(table: str, column: str) -> None:
    """Make a column unique on PostgreSQL, as of the end of each transaction.

    Deferred, since one UPDATE may swap two rows' values; a check at once would refuse it half way.
    """
    if on_postgresql():
        op.create_unique_constraint(f"uq_{table}_{column}", table, [column], deferrable=True, initially="DEFERRED")


def add_columns(table: str, *columns: sa.Column[Any]) -> None:
    """Add columns at the end of a table."""
    for column in columns:
        op.add_column(table, column)


def run(statement: str) -> None:
    """Run a statement that both engines understand."""
    op.execute(sa.text(statement))


def run_file(name: str) -> None:
    """Run the statements of one file of ``versions/sql``, separated by lines of ``----``."""
    for statement in (_SQL / name).read_text("utf-8").split("\n----\n"):
        op.execute(sa.text(statement))
