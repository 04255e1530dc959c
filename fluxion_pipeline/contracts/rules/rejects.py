"""Rejected rows written down: file, line, field, value, reason and the raw row.

Before this: errors of each column, found by SQL; after it: a reading's ``rejects``. Rows are few here,
so they are told one by one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from fluxion_pipeline.contracts.outcomes import Fact
from fluxion_pipeline.contracts.rows import REJECT_SCHEMA
from fluxion_pipeline.contracts.rules.layout import Place, Raw

ID_LENGTH = 32


def table(refused: pa.Table, conflicts: Mapping[int, str], raw: Raw, fact: Fact, place: Place, code: int) -> pa.Table:
    """The rejects of a reading, ``REJECT_SCHEMA``, by line.

    Args:
        refused: ``ord`` (row of ``raw.table``), an error ``e<i>`` or NULL for each column, ``clave``, ``instante``.
        conflicts: why rows without an error are refused, by ``ord``.
        raw: where the rows are as they came; its broken rows are added.
        fact: the table that the rows were meant for.
        place: location and file.
        code: the column that is at fault where rows of one key contradict each other.
    """
    found = [*_judged(refused, conflicts, raw, code), *_broken(raw)]
    found.sort(key=lambda r: r["linea"])
    for reject in found:
        reject["origen"] = place.origin
        reject["id"] = identity(fact.value, place.origin, reject["linea"], reject["fila"])
    return pa.Table.from_pylist(found, REJECT_SCHEMA)


def identity(table_name: str, origin: str, line: int, row: str) -> str:
    """The id of a reject: the same row of the same file is the same reject, whenever it is read."""
    return hashlib.sha256("\x00".join((table_name, origin, str(line), row)).encode()).hexdigest()[:ID_LENGTH]


def _judged(refused: pa.Table, conflicts: Mapping[int, str], raw: Raw, code: int) -> list[dict[str, Any]]:
    if not refused.num_rows:
        return []
    orders = refused.column("ord")
    names = raw.table.column_names
    columns = [c.to_pylist() for c in raw.table.take(orders).columns]
    errors = [refused.column(f"e{i}").to_pylist() for i in range(len(names))]
    rest = [refused.column(c).to_pylist() for c in ("ord", "clave", "instante")]
    lines = raw.lines.take(orders).to_pylist()
    found = []
    for line, row, wrong, order, key, instant in zip(lines, zip(*columns, strict=True), zip(*errors, strict=True), *rest, strict=True):
        campo, valor, motivo = _reason(names, row, wrong, f"{names[code]} {conflicts.get(order)}", code)
        fila = json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False)
        found.append({"linea": line, "campo": campo, "valor": valor, "motivo": motivo, "fila": fila, "clave": key, "instante": instant})
    return found


def _reason(names: Sequence[str], row: Sequence[str | None], wrong: Sequence[str | None], conflict: str, code: int) -> tuple[str, str | None, str]:
    faults = [i for i, phrase in enumerate(wrong) if phrase is not None]
    if not faults:
        return names[code], _storable(row[code]), conflict
    first, *others = faults
    more = f"; also {', '.join(f'{names[i]} {wrong[i]}' for i in others)}" if others else ""
    return names[first], _storable(row[first]), f"{names[first]} {wrong[first]}{more}"


def _broken(raw: Raw) -> list[dict[str, Any]]:
    return [{"linea": b.line, "campo": None, "valor": None, "motivo": b.reason, "fila": json.dumps(b.text, ensure_ascii=False)} for b in raw.broken]


def _storable(text: str | None) -> str | None:
    """PostgreSQL can't store U+0000; in ``fila`` JSON escapes it, here its escape stands for it."""
    return text.replace("\x00", "\\u0000") if text and "\x00" in text else text
