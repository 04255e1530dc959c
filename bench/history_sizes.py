"""What a table takes of the disk: in PostgreSQL its rows and its indexes, in DuckDB the blocks of the file that hold it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb

from bench.history_day import Place

_PARTS = """
    SELECT (SELECT count(*) FROM {table}), sum(pg_table_size(c.oid)), sum(pg_indexes_size(c.oid))
    FROM pg_class AS c LEFT JOIN pg_inherits AS p ON p.inhrelid = c.oid
    WHERE c.relkind = 'r' AND '{table}'::regclass IN (c.oid, p.inhparent)
"""


@dataclass(frozen=True)
class Size:
    """Rows of a table, and bytes of them and of their indexes; partitions without rows are a few kB."""

    rows: int
    heap: int
    indexes: int

    @property
    def all(self) -> int:
        """Bytes of both."""
        return self.heap + self.indexes


def in_postgresql(place: Place, *tables: str) -> Size:
    """Tables in PostgreSQL, all their partitions together."""
    found = []
    with place.cursor() as cursor:
        for table in tables:
            cursor.execute(_PARTS.format(table=table))
            found.append([int(x) for x in cursor.fetchall()[0]])
    return Size(*(sum(x) for x in zip(*found, strict=True)))


def in_duckdb(file: Path, *tables: str) -> Size:
    """Tables in a DuckDB file: each block that holds some of them counts whole."""
    with duckdb.connect(str(file)) as con:
        con.execute("CHECKPOINT")
        ((size,),) = con.execute("SELECT block_size FROM pragma_database_size()").fetchall()
        blocks: set[int] = set()
        for table in tables:
            blocks |= {b for (b,) in con.execute(f"SELECT DISTINCT block_id FROM pragma_storage_info('{table}') WHERE persistent AND block_id >= 0").fetchall()}
            blocks |= {b for (some,) in con.execute(f"SELECT DISTINCT additional_block_ids FROM pragma_storage_info('{table}')").fetchall() for b in some or ()}
        rows = sum(con.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0] for table in tables)
    return Size(rows, len(blocks) * size, 0)
