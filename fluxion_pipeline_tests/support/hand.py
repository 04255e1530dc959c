"""What a person does to a sink by hand, behind the pipeline's back: SQL for one row of one table."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from fluxion_pipeline_tests.support.chain_world import COLUMNS, KEYS, Slice

CHANGES = {
    "ubicaciones": "nombre = 'x'",
    "productos": "descripcion = 'x'",
    "ventas": "venta_total = 7777",
    "inventario_actual": "stock = 7777",
    "inventario_historico": "stock = 7777",
    "inventario_cortes": "filas = 99",
    "cobertura": "cargadas = 77",
    "rechazos": "motivo = 'x'",
    "mia": "n = 7777",
    "entera": "n = 7777",
}
NULLS = {
    "ubicaciones": "nombre = 'y'",
    "productos": "marca = 'x'",
    "ventas": "unidad = 'kg'",
    "inventario_actual": "precio = 1",
    "inventario_historico": "costo = 1",
    "inventario_cortes": "es_clave = NOT es_clave",
    "cobertura": "cubierto_hasta = NULL",
    "rechazos": "motivo = 'y'",
    "mia": "nota = 'y'",
    "entera": "nota = NULL",
}
"""Values where there were none, or the other way round."""
MOVES = {
    "ventas": "fecha_negocio = DATE '2025-12-01'",
    "inventario_actual": "producto_codigo = '000q'",
    "inventario_historico": "capturado_en = capturado_en + INTERVAL '30 seconds'",
    "inventario_cortes": "capturado_en = capturado_en + INTERVAL '30 seconds'",
    "cobertura": "corte = '1999-01-01'",
    "rechazos": "corte = '1999-01-01'",
    "productos": "codigo = '000q'",
    "ubicaciones": "codigo = 'SUC999'",
    "mia": "lugar = 'Q'",
    "entera": "codigo = 'q'",
}
"""To another key, another day, beside the minute."""
EDITS = ("change", "null", "move", "drop", "double", "add", "swap", "empty", "touch")


def edit(kind: str, table: str, rows: list[tuple[Slice, tuple[Any, ...]]], pick: int) -> list[str]:
    """The statements of an edit of the ``pick``-th of a table's rows; none where it can't be done."""
    if not rows:
        return []
    _, row = rows[pick % len(rows)]
    return _EDITS[kind](table, row)


def _where(table: str, row: tuple[Any, ...]) -> str:
    names = COLUMNS[table]
    wanted = {*KEYS[table], *({"fecha_negocio"} if table == "ventas" else ())}
    return " AND ".join(f"{n} = {literal(v)}" for n, v in zip(names, row, strict=True) if n in wanted)


def literal(value: Any) -> str:
    """A value in SQL that both engines read alike."""
    if value is None:
        return "NULL"
    if isinstance(value, (bool, int, Decimal)):
        return str(value)
    if isinstance(value, datetime):
        return f"TIMESTAMPTZ '{value.isoformat()}'"
    return f"DATE '{value.isoformat()}'" if isinstance(value, date) else "'" + str(value).replace("'", "''") + "'"


def _change(table: str, row: tuple[Any, ...]) -> list[str]:
    return [f"UPDATE {table} SET {CHANGES[table]} WHERE {_where(table, row)}"]


def _null(table: str, row: tuple[Any, ...]) -> list[str]:
    return [f"UPDATE {table} SET {NULLS[table]} WHERE {_where(table, row)}"]


def _move(table: str, row: tuple[Any, ...]) -> list[str]:
    return [f"UPDATE {table} SET {MOVES[table]} WHERE {_where(table, row)}"]


def _drop(table: str, row: tuple[Any, ...]) -> list[str]:
    return [f"DELETE FROM {table} WHERE {_where(table, row)}"]


def _double(table: str, row: tuple[Any, ...]) -> list[str]:
    return [f"INSERT INTO {table} SELECT * FROM {table} WHERE {_where(table, row)}"]


def _add(table: str, row: tuple[Any, ...]) -> list[str]:
    """A row beside it, with another key."""
    if table in ("ubicaciones", "cobertura"):
        return []
    own = KEYS[table][-1] if table != "ventas" else "numero_factura"
    new = {"inventario_cortes": "capturado_en + INTERVAL '1 second'", "inventario_historico": "capturado_en + INTERVAL '1 second'"}.get(table, "'zzz'")
    names = ", ".join(COLUMNS[table])
    values = ", ".join(new if n == own else n for n in COLUMNS[table])
    return [f"INSERT INTO {table} ({names}) SELECT {values} FROM {table} WHERE {_where(table, row)}"]


def _swap(table: str, row: tuple[Any, ...]) -> list[str]:
    """As many rows as before."""
    return [*_add(table, row), *_drop(table, row)] if _add(table, row) else []


def _empty(table: str, row: tuple[Any, ...]) -> list[str]:
    return [f"DELETE FROM {table}"]


def _touch(table: str, row: tuple[Any, ...]) -> list[str]:
    """There and back: nothing differs, though the engine wrote it."""
    key = KEYS[table][-1] if table != "ventas" else "producto_codigo"
    return [f"UPDATE {table} SET {key} = {key} WHERE {_where(table, row)}"]


_EDITS: dict[str, Callable[[str, tuple[Any, ...]], list[str]]] = {
    "change": _change,
    "null": _null,
    "move": _move,
    "drop": _drop,
    "double": _double,
    "add": _add,
    "swap": _swap,
    "empty": _empty,
    "touch": _touch,
}
