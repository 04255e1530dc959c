"""The floor: what both databases need for the bare rows, with nobody reading, checking or comparing anything.

COPY of a ready CSV into a PostgreSQL table with its primary key, then the same file appended to a
DuckDB table, one after the other. Prints the seconds of this work.
Arguments: the CSV file, the DuckDB file, PostgreSQL's address.
"""

from __future__ import annotations

import sys
import time
from contextlib import closing
from pathlib import Path

import duckdb
import psycopg2

COLUMNS = "ubicacion_codigo text, almacen_codigo text, producto_codigo text, stock numeric(18,4), precio numeric(18,4), costo numeric(18,4)"
KEY = "ubicacion_codigo, almacen_codigo, producto_codigo"


def main(ready: str, duckdb_file: str, address: str) -> None:
    """Empty both tables, then fill them against the clock."""
    with closing(psycopg2.connect(address)) as connection, connection.cursor() as cursor, Path(ready).open() as file:
        cursor.execute("DROP TABLE IF EXISTS suelo")
        cursor.execute(f"CREATE TABLE suelo ({COLUMNS}, PRIMARY KEY ({KEY}))")
        connection.commit()
        started = time.perf_counter()
        cursor.copy_expert("COPY suelo FROM STDIN (FORMAT csv, HEADER)", file)
        connection.commit()
        seconds = time.perf_counter() - started
    with duckdb.connect(duckdb_file) as duck:
        duck.execute("DROP TABLE IF EXISTS suelo")
        duck.execute(f"CREATE TABLE suelo ({COLUMNS})")
        started = time.perf_counter()
        duck.execute("INSERT INTO suelo SELECT * FROM read_csv(?, header = true, all_varchar = true)", [ready])
        duck.execute("CHECKPOINT")
        print(seconds + time.perf_counter() - started)


if __name__ == "__main__":
    main(*sys.argv[1:])
