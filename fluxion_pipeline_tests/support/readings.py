"""Readings as a source gives them: typed rows with a few values chosen, for tests that need no files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pyarrow as pa

from fluxion_pipeline.contracts.clock import day_start, parse_day
from fluxion_pipeline.contracts.outcomes import Fact
from fluxion_pipeline.contracts.rows import REJECT_SCHEMA, row_schema
from fluxion_pipeline.sources.protocol import Reading

NOON = datetime(2025, 12, 1, 12, tzinfo=timezone.utc)
"""When the first reading of a test begins: every day before it is closed by then."""

Row = Mapping[str, Any]


def sales(place: str, day: str, rows: Sequence[Row], minute: int = 0, **changes: Any) -> Reading:
    """A whole day's sales, read so many minutes after ``NOON``; a row says what is not ordinary about it."""
    ordinary = {
        "ubicacion_codigo": place,
        "linea": 1,
        "fecha_venta": day_start(parse_day(day)) + timedelta(hours=10),
        "fecha_negocio": parse_day(day),
        "producto_codigo": "000001",
        "cantidad": Decimal(1),
        "venta_total": Decimal("2.5"),
        "es_devolucion": False,
    }
    return _reading(Fact.VENTAS, place, day, [{**ordinary, **row} for row in rows], minute, changes)


def invoices(*numbers: int, **changes: Any) -> list[dict[str, Any]]:
    """Sales rows of one line each."""
    return [{"numero_factura": f"{n:08d}", **changes} for n in numbers]


def stock(place: str, tick: str, amounts: Mapping[str, Any], minute: int = 0, **changes: Any) -> Reading:
    """A stock snapshot: product code → amount."""
    rows = [{"ubicacion_codigo": place, "almacen_codigo": place, "producto_codigo": code, "stock": Decimal(n)} for code, n in amounts.items()]
    return _reading(Fact.INVENTARIO, place, tick, rows, minute, changes)


def catalogue(rows: Sequence[Row], minute: int = 0, **changes: Any) -> Reading:
    """A catalogue."""
    return _reading(Fact.CATALOGO, "*", "*", [{"es_provisional": False, **row} for row in rows], minute, changes)


def rejects(*rows: Row) -> pa.Table:
    """Rejected rows; each needs an ``id`` of its own."""
    return pa.Table.from_pylist([{"motivo": "no number", **{n: row.get(n) for n in REJECT_SCHEMA.names if n in row}} for row in rows], schema=REJECT_SCHEMA)


def _reading(fact: Fact, place: str, cut: str, rows: Sequence[Row], minute: int, changes: Mapping[str, Any]) -> Reading:
    schema = row_schema(fact)
    table = pa.Table.from_pylist([{c: row.get(c) for c in schema.names} for row in rows], schema=schema)
    wrong = changes.get("rejects", REJECT_SCHEMA.empty_table())
    values = {"rejects": wrong, "read": table.num_rows + wrong.num_rows, "origin": f"{fact}/{place}/{cut}.csv", "seconds": 0.5, **changes}
    return Reading(fact, place, cut, NOON + timedelta(minutes=minute), table, **values)
