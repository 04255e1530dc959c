"""What stands in the WAL of a PostgreSQL database, table by table: each record counts for the table, or the table of the index, that it changes.

PostgreSQL says so itself (its extension ``pg_walinspect``, of version 15 and later; for superusers). Records that
change no table (commits, checkpoints) and the frames of pages are left out, for everybody alike.
"""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from types import TracebackType
from uuid import uuid4

import psycopg2

_BY_TABLE = """
    WITH records AS (
        SELECT DISTINCT ON (start_lsn) relfilenode, record_length
        FROM pg_get_wal_block_info(%s::pg_lsn, %s::pg_lsn, false)
        WHERE reldatabase = (SELECT oid FROM pg_database WHERE datname = current_database())
        ORDER BY start_lsn, block_id
    ), relations AS (
        SELECT pg_relation_filenode(c.oid) AS relfilenode, coalesce(i.indrelid, c.oid) AS of_table
        FROM pg_class AS c LEFT JOIN pg_index AS i ON i.indexrelid = c.oid
        WHERE c.relkind IN ('r', 'i', 'm')
    )
    SELECT coalesce(p.inhparent, r.of_table)::regclass::text, sum(x.record_length)
    FROM records AS x JOIN relations AS r USING (relfilenode) LEFT JOIN pg_inherits AS p ON p.inhrelid = r.of_table
    GROUP BY 1
"""


class Wal:
    """The WAL of a ``with`` block.

    Attributes:
        address: libpq URI or parameters of the database that is watched.
        tables: bytes by table, of what was looked at so far.
        all: bytes of the whole server.
    """

    def __init__(self, address: str) -> None:
        """Watch nothing yet."""
        self.address, self.all = address, 0
        self.tables: Counter[str] = Counter()
        self._slot, self._since = f"bench_{uuid4().hex[:12]}", ""

    def __enter__(self) -> Wal:
        """From now on, after a checkpoint; a slot keeps the server from letting go of WAL that wasn't looked at."""
        self._run("CREATE EXTENSION IF NOT EXISTS pg_walinspect")
        self._run("CHECKPOINT")
        self._run(f"SELECT pg_create_physical_replication_slot('{self._slot}', true)")
        self._since = self._now()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """The server may let go of all of it."""
        self._run(f"SELECT pg_drop_replication_slot('{self._slot}')")

    def look(self) -> None:
        """Count what was written since the last look, then checkpoint.

        After it the first change of each page writes the whole page, as it is where half an hour lies between two ticks.
        """
        now = self._now()
        if now != self._since:
            self.tables.update({table: int(found) for table, found in self._run(_BY_TABLE, self._since, now)})
            self.all += int(self._run("SELECT %s::pg_lsn - %s::pg_lsn", now, self._since)[0][0])
        self._since = now
        self._run(f"SELECT pg_replication_slot_advance('{self._slot}', %s)", now)
        self._run("CHECKPOINT")

    def _now(self) -> str:
        return str(self._run("SELECT pg_current_wal_flush_lsn()::text")[0][0])

    def _run(self, sql: str, *values: str) -> list[tuple[str, ...]]:
        with closing(psycopg2.connect(self.address)) as connection, connection.cursor() as cursor:
            connection.autocommit = True
            cursor.execute(sql, values)
            return cursor.fetchall() if cursor.description else []
