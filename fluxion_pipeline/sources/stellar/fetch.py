"""Rows of an answer as they stream in, made columns of text: numbers keep their digits, dates and times of day come apart.

Before this: ``connect``; after it: the rules of a row. In memory is what comes of the rows, by batches in Arrow.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any

import numpy as np
import pyarrow as pa
from sqlalchemy import RowMapping

from fluxion_pipeline.contracts.outcomes import Fact
from fluxion_pipeline.contracts.rules.layout import SALE_DATE, SALE_TIME, Layout, Raw

BATCH = 4096
"""Rows that are asked of the driver at once."""

Row = RowMapping


@dataclass
class Fetched:
    """An answer.

    Attributes:
        raw: its rows as text.
        digest: sha256 of them.
        unknown: codes that the catalogue doesn't know, and how many rows have each.
        ambiguous: barcodes' products of which there was a choice, and how many rows have each.
    """

    raw: Raw
    digest: str
    unknown: Counter[str] = field(default_factory=Counter)
    ambiguous: Counter[str] = field(default_factory=Counter)


def fetched(batches: Iterator[Sequence[Row]], layout: Layout) -> Fetched:
    """Take all rows.

    Args:
        batches: rows by the labels of ``questions``.
        layout: the columns that are wanted.
    """
    names = layout.sources
    schema = pa.schema([(name, pa.string()) for name in names])
    found, digest = Fetched(Raw(schema.empty_table(), pa.array([], pa.int32())), ""), hashlib.sha256()
    parts: list[pa.RecordBatch] = []
    for batch in batches:
        rows = [_texts(row, layout.fact) for row in batch]
        _note(found, batch, layout.fact)
        columns = [[row[name] for row in rows] for name in names]
        parts.append(pa.RecordBatch.from_arrays([pa.array(column, pa.string()) for column in columns], schema=schema))
        digest.update(repr(columns).encode("utf-8", "surrogatepass"))
    table = pa.Table.from_batches(parts, schema)
    found.raw = Raw(table, pa.array(np.arange(1, table.num_rows + 1, dtype=np.int32)))
    found.digest = digest.hexdigest()
    return found


def _note(found: Fetched, batch: Sequence[Row], fact: Fact) -> None:
    if fact is Fact.CATALOGO:
        return
    for row in batch:
        if row["conocido"] is None:
            found.unknown[str(row["codigo"]).strip()] += 1
        if (row.get("productos") or 0) > 1:
            found.ambiguous[str(row["codigo"]).strip()] += 1


def _texts(row: Row, fact: Fact) -> dict[str, str | None]:
    texts = {name: text(value) for name, value in row.items()}
    if fact is Fact.VENTAS:
        known = row["conocido"] is not None
        texts[SALE_DATE], texts[SALE_TIME] = day_of(row["fecha"]), time_of(row["hora"])
        texts["total"] = product(row["cantidad"], row["precio"] if known else 0)
        texts["costo_total"] = product(row["cantidad"], row["costo"]) if known else None
    return texts


def text(value: Any) -> str | None:
    """A value as the driver gave it, with the digits that it has: the shortest that a float is."""
    if value is None or isinstance(value, str):
        return value
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def day_of(value: Any) -> str | None:
    """The date of a datetime at midnight; anything else is left to the rules."""
    return value.date().isoformat() if isinstance(value, datetime) else text(value)


def time_of(value: Any) -> str | None:
    """The time of day of a datetime on 1899-12-30: its date says nothing, and is never added to anything."""
    if isinstance(value, datetime):
        return value.time().isoformat()
    return value.isoformat() if isinstance(value, (time, date)) else text(value)


def product(amount: Any, price: Any) -> str | None:
    """Quantity times price without floats; None where either is missing or no number."""
    if amount is None or price is None:
        return None
    try:
        found = Decimal(str(amount)) * Decimal(str(price))
    except InvalidOperation:
        return None
    return format(found, "f")
