"""COPY into the stock's own tables: what PostgreSQL needs for a full load, with the same columns, keys and indexes.

First it makes the files (``make``), sorted by key, from what this pipeline loaded; then it loads them (``load``), and
prints the seconds of that. Arguments: a folder for the files, the address of the pipeline's own database, ``make`` or ``load``.
"""

from __future__ import annotations

import sys
import time
from contextlib import closing
from pathlib import Path

import psycopg2

TABLES = {
    "inventario_actual": ("ubicacion_codigo, almacen_codigo, producto_codigo, stock, precio, costo", "1, 2, 3", "true"),
    "inventario_historico": (
        "ubicacion_codigo, almacen_codigo, producto_codigo, capturado_en, stock, precio, costo, movimiento",
        "4, 1, 3, 2",
        "movimiento = 'clave'",
    ),
}
"""Table → its columns, the order of its primary key by their places, which of its rows are those of the first tick."""


def main(folder: str, address: str, what: str) -> None:
    """Make the files and empty tables, or load them against the clock."""
    with closing(psycopg2.connect(address)) as connection, connection.cursor() as cursor:
        started = time.perf_counter()
        for table, (columns, order, first) in TABLES.items():
            file = Path(folder) / f"{table}.csv"
            if what == "make":
                with file.open("wb") as out:
                    cursor.copy_expert(f"COPY (SELECT {columns} FROM {table} WHERE {first} ORDER BY {order}) TO STDOUT (FORMAT csv)", out)
                cursor.execute(f"CREATE TABLE suelo_{table} (LIKE {table} INCLUDING ALL)")
            else:
                with file.open("rb") as source:
                    cursor.copy_expert(f"COPY suelo_{table} ({columns}) FROM STDIN (FORMAT csv)", source)
            connection.commit()
        print(time.perf_counter() - started)


if __name__ == "__main__":
    main(*sys.argv[1:])
