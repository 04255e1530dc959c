"""The floor of a comparison: both tables read once, into typed columns, and nothing done with them.

Arguments: the DuckDB file, PostgreSQL's address, the table, its columns (parted by commas), a folder for the exported rows.
"""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path

import duckdb
import psycopg2

DUCKDB_FILE, ADDRESS, TABLE, COLUMNS, FOLDER = sys.argv[1:]


def main() -> int:
    """Read; how many rows PostgreSQL has."""
    file = Path(FOLDER) / "read.csv"
    with duckdb.connect(DUCKDB_FILE, read_only=True) as connection:
        connection.execute("SET memory_limit = '400MB'")
        connection.execute(f"CREATE TEMP TABLE mine AS SELECT {COLUMNS} FROM {TABLE}")
        kinds = dict(connection.execute("SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = 'mine'").fetchall())
        with closing(psycopg2.connect(ADDRESS)) as remote, remote.cursor() as cursor, file.open("wb") as target:
            cursor.copy_expert(f"COPY (SELECT {COLUMNS} FROM {TABLE}) TO STDOUT (FORMAT csv)", target)
        types = ", ".join(f"'{name}': '{kind}'" for name, kind in kinds.items())
        read = f"read_csv('{file}', header = false, auto_detect = false, columns = {{{types}}})"
        connection.execute(f"CREATE TEMP TABLE other AS SELECT * FROM {read}")
        return int(connection.execute("SELECT count(*) FROM other").fetchall()[0][0])


if __name__ == "__main__":
    print(main())
