"""How long both engines take for the questions that the chain asks: read only, the median of some runs, in this process.

A question's text is the same for both; what differs is the engine. Before this: the sinks; after it: ``cutover``.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass

from fluxion_pipeline.contracts.outcomes import SinkName
from fluxion_pipeline.sinks.protocol import Sink

RUNS = 3

QUESTIONS: dict[str, str] = {
    "ABC 30 d": "SELECT producto_codigo, total, sum(total) OVER (ORDER BY total DESC, producto_codigo) AS acumulado FROM "
    "(SELECT producto_codigo, sum(venta_total) AS total FROM ventas "
    "WHERE fecha_negocio > (SELECT max(fecha_negocio) FROM ventas) - INTERVAL '30 days' GROUP BY producto_codigo) t",
    "Stock × ubicación": "SELECT ubicacion_codigo, count(*), sum(stock) FROM inventario_actual GROUP BY ubicacion_codigo ORDER BY ubicacion_codigo",
    "Top 20": "SELECT producto_codigo, sum(cantidad) AS n FROM ventas GROUP BY producto_codigo ORDER BY n DESC, producto_codigo LIMIT 20",
    "Clave": "SELECT i.stock, i.precio FROM inventario_actual i JOIN "
    "(SELECT ubicacion_codigo, almacen_codigo, producto_codigo FROM inventario_actual LIMIT 1) k "
    "ON i.ubicacion_codigo = k.ubicacion_codigo AND i.almacen_codigo = k.almacen_codigo AND i.producto_codigo = k.producto_codigo",
}
ENGLISH = {"ABC 30 d": "ABC of 30 days", "Stock × ubicación": "stock by location", "Top 20": "top 20 products", "Clave": "one row by its key"}
SPANISH = {
    "ABC 30 d": "ABC de 30 días",
    "Stock × ubicación": "stock por ubicación",
    "Top 20": "los 20 productos más vendidos",
    "Clave": "una fila por su clave",
}
"""What the questions ask, for people."""

WRITES = "SELECT coalesce(sum(insertadas + cambiadas + borradas), 0), coalesce(sum(segundos), 0) FROM lotes_registro"


@dataclass(frozen=True)
class Timing:
    """Milliseconds of a question on each engine."""

    name: str
    milliseconds: dict[SinkName, float]


@dataclass(frozen=True)
class Writing:
    """Rows that a sink has written, and the seconds that it took."""

    rows: int
    seconds: float


def reads(sinks: tuple[Sink, ...]) -> tuple[Timing, ...]:
    """Ask each question of each sink."""
    names = {sink: SinkName.DUCKDB if n == 0 else SinkName.POSTGRESQL for n, sink in enumerate(sinks)}
    return tuple(Timing(name, {names[sink]: _median(sink, sql) for sink in sinks}) for name, sql in QUESTIONS.items())


def writes(sink: Sink) -> Writing:
    """What a sink's own log says."""
    ((rows, seconds),) = sink.query(WRITES)
    return Writing(int(rows), float(seconds))


def _median(sink: Sink, sql: str) -> float:
    taken = []
    for _ in range(RUNS):
        begun = time.perf_counter()
        sink.query(sql)
        taken.append(1000 * (time.perf_counter() - begun))
    return round(statistics.median(taken), 1)
