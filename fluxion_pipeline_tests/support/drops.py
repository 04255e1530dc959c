"""Folders of file drops for tests: valid rows with a few values changed, written as a store would.

``sale``, ``stock`` and ``product`` give one valid row; ``write_*`` put rows (mappings or sequences of
text) where the source ``archivos`` looks for them; ``write_raw`` writes bytes that are anything else.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

SALES_COLUMNS = (
    "numero_factura",
    "linea",
    "fecha",
    "hora",
    "codigo_producto",
    "descripcion_producto",
    "categoria_producto",
    "cantidad",
    "precio_unitario",
    "descuento",
    "venta_total",
)
STOCK_COLUMNS = ("codigo_producto", "descripcion_producto", "categoria_producto", "marca", "stock")
PRODUCT_COLUMNS = ("codigo_producto", "descripcion", "departamento", "categoria", "marca", "presentacion")

Row = Mapping[str, Any] | Sequence[Any]


def sale(day: str, invoice: str = "000000000001", line: Any = 1, **changes: Any) -> dict[str, str]:
    """A valid sales line of a day; ``changes`` are columns of the file."""
    row: dict[str, Any] = {
        "numero_factura": invoice,
        "linea": line,
        "fecha": day,
        "hora": "10:30:00",
        "codigo_producto": "00818980",
        "descripcion_producto": "PREPARED BEANS",
        "categoria_producto": "BEANS",
        "cantidad": "2",
        "precio_unitario": "1.50",
        "descuento": "0.25",
        "venta_total": "2.75",
    }
    return _changed(row, changes)


def stock(code: str = "00818980", amount: Any = "5", **changes: Any) -> dict[str, str]:
    """A valid row of stock."""
    row: dict[str, Any] = {
        "codigo_producto": code,
        "descripcion_producto": "PREPARED BEANS",
        "categoria_producto": "BEANS",
        "marca": "National",
        "stock": amount,
    }
    return _changed(row, changes)


def product(code: str = "00818980", **changes: Any) -> dict[str, str]:
    """A valid row of the catalogue."""
    row: dict[str, Any] = {
        "codigo_producto": code,
        "descripcion": "PREPARED BEANS - BAKED W/PORK",
        "departamento": "GROCERY",
        "categoria": "BEANS - CANNED GLASS & MW",
        "marca": "National",
        "presentacion": "15.75 OZ",
    }
    return _changed(row, changes)


def write_sales(root: Path, etl: str, day: str, rows: Iterable[Row], suffix: str = ".csv", columns: Sequence[str] = SALES_COLUMNS) -> Path:
    """``ventas/<etl>/<day><suffix>``; ``suffix`` is ``.csv``, ``.csv.gz`` or ``.parquet`` (all columns text)."""
    return write_raw(root, f"ventas/{etl}/{day}{suffix}", encoded(rows, columns, suffix))


def write_stock(root: Path, etl: str, tick: str, rows: Iterable[Row], suffix: str = ".csv", columns: Sequence[str] = STOCK_COLUMNS) -> Path:
    """``inventario/<etl>/<tick><suffix>``, the tick as ``YYYY-MM-DDTHHMM``."""
    return write_raw(root, f"inventario/{etl}/{tick}{suffix}", encoded(rows, columns, suffix))


def write_products(root: Path, rows: Iterable[Row], suffix: str = ".csv", columns: Sequence[str] = PRODUCT_COLUMNS) -> Path:
    """``productos<suffix>``."""
    return write_raw(root, f"productos{suffix}", encoded(rows, columns, suffix))


def write_raw(root: Path, relative: str, content: bytes | str) -> Path:
    """Any bytes (or text, as UTF-8) at a path below the folder of drops."""
    path = root / relative
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def csv_text(rows: Iterable[Row], columns: Sequence[str], line_end: str = "\n") -> str:
    """A CSV with a header; fields are quoted where they must be."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator=line_end)
    writer.writerow(columns)
    for row in rows:
        writer.writerow([row[c] for c in columns] if isinstance(row, Mapping) else row)
    return buffer.getvalue()


def encoded(rows: Iterable[Row], columns: Sequence[str], suffix: str) -> bytes:
    """The bytes of a drop of that kind."""
    if suffix == ".parquet":
        listed = [[row[c] for c in columns] if isinstance(row, Mapping) else list(row) for row in rows]
        table = pa.table({c: pa.array([None if r[i] is None else str(r[i]) for r in listed], pa.string()) for i, c in enumerate(columns)})
        sink = io.BytesIO()
        pq.write_table(table, sink)
        return sink.getvalue()
    data = csv_text(rows, columns).encode()
    return gzip.compress(data, mtime=0) if suffix == ".csv.gz" else data


def _changed(row: dict[str, Any], changes: dict[str, Any]) -> dict[str, str]:
    wrong = [c for c in changes if c not in row]
    if wrong:
        raise KeyError(f"no such columns: {', '.join(wrong)}")
    return {c: str(v) for c, v in {**row, **changes}.items()}
