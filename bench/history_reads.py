"""How long it takes to read one location's stock: now, at an instant by ``stock_en``, and from snapshots that were kept whole.

Asked in turns on a connection that is open, as statements whose rows are fetched; and once more as statements that only
add the rows up, so that what the database does is seen without the driver's part. Every answer is compared with what was dropped.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from bench.history_day import Place
from bench.measure import BenchError
from fluxion_pipeline.contracts.clock import parse_tick

NOW = "SELECT ubicacion_codigo, almacen_codigo, producto_codigo, stock, precio, costo, updated_at FROM inventario_actual WHERE ubicacion_codigo = {location}"
THEN = "SELECT * FROM stock_en({instant}, {location})"
KEPT = """SELECT ubicacion_codigo, almacen_codigo, producto_codigo, stock, precio, costo, capturado_en FROM fotos
          WHERE ubicacion_codigo = {location} AND capturado_en = {instant}"""
_ADDED_UP = "SELECT count(*), min(producto_codigo), max(almacen_codigo), sum(stock), sum(precio), sum(costo) FROM ({}) AS x"

Ask = Callable[[str], list[tuple[Any, ...]]]


@dataclass(frozen=True)
class Reading:
    """One question's medians in ms: with its rows fetched, and added up in the database."""

    engine: str
    question: str
    fetched: float
    added_up: float


def read_all(place: Place, asks: int) -> list[Reading]:
    """Ask both engines for the first location's stock of the first, the middle and the last tick.

    Raises:
        BenchError: if an answer isn't what was dropped.
    """
    location = "SUC001"
    instants = [parse_tick(place.ticks[n]).isoformat() for n in (0, len(place.ticks) // 2, -1)]
    with place.cursor() as cursor:

        def remote(sql: str) -> list[tuple[Any, ...]]:
            cursor.execute(sql)
            return cursor.fetchall()

        found = _readings("PostgreSQL", remote, remote, location, instants, asks)
    with duckdb.connect(str(place.settings.duckdb_file), read_only=True) as ours, duckdb.connect(str(place.peer_file), read_only=True) as peers:
        for con in (ours, peers):
            con.execute("SET TimeZone = 'UTC'")
        found += _readings("DuckDB", lambda sql: ours.execute(sql).fetchall(), lambda sql: peers.execute(sql).fetchall(), location, instants, asks)
    return found


def _readings(engine: str, ours: Ask, peer: Ask, location: str, instants: Sequence[str], asks: int) -> list[Reading]:
    questions: dict[str, tuple[Ask, str]] = {"stock of now": (ours, _bound(NOW, location, instants[-1]))}
    for name, instant in zip(("first", "middle", "last"), instants, strict=True):
        questions[f"stock_en, {name} tick"] = ours, _bound(THEN, location, instant)
        questions[f"kept whole, {name} tick"] = peer, _bound(KEPT, location, instant)
        mine, kept = (
            sorted(row[2:6] for row in questions[f"{kind}, {name} tick"][0](questions[f"{kind}, {name} tick"][1])) for kind in ("stock_en", "kept whole")
        )
        if mine != kept or not mine:
            raise BenchError(f"{engine}: stock_en of the {name} tick has {len(mine)} rows that aren't the {len(kept)} that were dropped")
    fetched = _medians(questions, asks)
    added_up = _medians({name: (ask, _ADDED_UP.format(sql)) for name, (ask, sql) in questions.items()}, asks)
    return [Reading(engine, name, fetched[name], added_up[name]) for name in questions]


def _bound(sql: str, location: str, instant: str) -> str:
    return sql.format(location=f"'{location}'", instant=f"CAST('{instant}' AS timestamptz)")


def _medians(questions: dict[str, tuple[Ask, str]], asks: int) -> dict[str, float]:
    """Medians in ms, asked in turns so that a busy moment is everybody's."""
    seconds: dict[str, list[float]] = {name: [] for name in questions}
    for _ in range(asks):
        for name, (ask, sql) in questions.items():
            started = time.perf_counter()
            ask(sql)
            seconds[name].append(time.perf_counter() - started)
    return {name: 1000 * statistics.median(found) for name, found in seconds.items()}
