"""A DuckDB file of other programs, with the names of the map that ships: what ``fluxion adopt`` takes over."""

from __future__ import annotations

from pathlib import Path

import duckdb

SOLD = 80
"""Its sales that can be landed."""


def foreign_file(path: Path) -> Path:
    """Two known stores and an unknown one; DOUBLE amounts, dates as text, no line numbers."""
    with duckdb.connect(str(path)) as con:
        con.execute("CREATE TABLE catalogo AS SELECT format('{:06d}', i) AS sku, 'producto ' || i AS nombre FROM range(5) t(i)")
        con.execute("CREATE TABLE existencias AS SELECT 'SUC001' AS tienda, format('{:06d}', i) AS sku, i * 0.1::DOUBLE AS cantidad FROM range(5) t(i)")
        con.execute("CREATE TABLE facturas (tienda TEXT, fecha TEXT, hora TEXT, factura TEXT, sku TEXT, cantidad DOUBLE, precio DOUBLE, total DOUBLE)")
        con.execute(
            "INSERT INTO facturas SELECT CASE WHEN i % 2 = 0 THEN 'SUC001' ELSE 'Tienda Dos' END, strftime(DATE '2025-10-30' + CAST(i % 4 AS INT), '%d/%m/%Y'),"
            f" '10:00:00', format('{{:012d}}', i // 8), format('{{:06d}}', i % 5), 0.1 + i, 1.1, 2.2 FROM range({SOLD}) t(i)"
        )
        con.execute("INSERT INTO facturas VALUES ('SUC001', '30/10/2025', '10:00:00', 'bad', '000001', NULL, 1, 1)")
        con.execute("INSERT INTO facturas VALUES ('nadie', '30/10/2025', '10:00:00', 'x', '000001', 1, 1, 1), ('SUC001', '99/99/2025', '1', 'y', '0', 1, 1, 1)")
    return path
