"""Generated stock as the stores would drop it: one CSV per location and tick, a few percent changed each time.

The columns are those of the sample. Every location has stock of its own, so that no two readings
are twins; some of it is negative and some has decimals, as in a supermarket.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb

from fluxion_pipeline.locations import registry

ROWS = 23 * 35_000
CHANGED = 0.03
TICKS = tuple(f"2026-03-02T{hour:02d}{minute:02d}" for hour in range(6, 22) for minute in (0, 30))


@dataclass(frozen=True)
class Stock:
    """A folder of drops.

    Attributes:
        waiting: where all ticks lie, ``<codigo_etl>/<tick>.csv``.
        locations: ``codigo_etl`` of those that are read.
        rows: rows of one tick, over all locations.
    """

    waiting: Path
    locations: tuple[str, ...]
    rows: int

    def deliver(self, tick: str, source: Path) -> None:
        """Move one tick's files to where the contenders look for them."""
        for location in self.locations:
            target = source / "inventario" / location
            target.mkdir(parents=True, exist_ok=True)
            (self.waiting / location / f"{tick}.csv").rename(target / f"{tick}.csv")


def generate(folder: Path, source: Path, ticks: tuple[str, ...], rows: int = ROWS, changed: float = CHANGED) -> Stock:
    """Write the catalogue into ``source`` and all ticks of all active locations into ``folder``."""
    locations = tuple(location.codigo_etl for location in registry.load().active)
    products = -(-rows // len(locations))
    source.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as connection:
        connection.execute(
            """
            CREATE TABLE producto AS
            SELECT n, printf('%08d', 818980 + n * 7) AS codigo, 'PRODUCTO ' || n AS descripcion, 'CATEGORIA ' || n % 300 AS categoria,
                   'MARCA ' || n % 900 AS marca
            FROM range(?) AS r(n)""",
            [products],
        )
        connection.execute(f"""
            COPY (SELECT codigo AS codigo_producto, descripcion, 'DEPARTAMENTO ' || n % 20 AS departamento, categoria, marca, '1 UN' AS presentacion
                  FROM producto ORDER BY codigo) TO '{_quoted(source / "productos.csv")}' (HEADER)""")
        for place, location in enumerate(locations):
            (folder / location).mkdir(parents=True)
            for turn, tick in enumerate(ticks):
                connection.execute(_snapshot(place, turn, folder / location / f"{tick}.csv", changed))
    return Stock(folder, locations, products * len(locations))


def _snapshot(place: int, turn: int, file: Path, changed: float) -> str:
    """SQL that writes a location's stock at a tick: since the first one each product has changed with its own luck."""
    changes = " + ".join(f"(hash(n, {place}, {t}) % 10000 < {changed * 10000:.0f})::INT" for t in range(1, turn + 1)) or "0"
    level = f"(hash(n, {place}, 0) % 4000)::BIGINT - 400"
    return f"""
        COPY (SELECT codigo AS codigo_producto, descripcion AS descripcion_producto, categoria AS categoria_producto, marca,
                     CASE WHEN n % 9 = 0 THEN (({level}) / 8 - ({changes}))::DECIMAL(12, 3) ELSE (({level}) // 8 - ({changes})) END AS stock
              FROM producto ORDER BY codigo) TO '{_quoted(file)}' (HEADER)"""


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
