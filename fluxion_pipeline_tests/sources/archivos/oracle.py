"""The rules again, slowly: the csv module and decimal, one row after the other, for comparison only."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, timezone
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any
from zoneinfo import ZoneInfo

WORDS = {"", "N/A", "n/a", "None", "nan", "NaN", "NULL", "null"}
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])(?::([0-5][0-9])(?:\.([0-9]+))?)?")


NUL = "\ue0ff"
"""Stands for U+0000, which the csv module of Python 3.10 refuses."""


class Wrong(Exception):
    pass


@dataclass
class Told:
    rows: dict[Any, tuple[Any, ...]] = field(default_factory=dict)
    rejected: set[int] = field(default_factory=set)
    read: int = 0
    repeated: int = 0


def records(text: str):
    """(line, fields) of each record that is no blank line, header left out."""
    lines = text.removeprefix("\ufeff").removesuffix("\n").replace("\0", NUL).split("\n")
    reader = csv.reader(line + "\n" for line in lines)
    before, header = 0, True
    for fields in reader:
        if fields and not (len(fields) == 1 and not fields[0].strip()):
            if not header:
                yield before + 1, [f.replace(NUL, "\0") for f in fields]
            header = False
        before = reader.line_num


def sales(text: str, columns, day: date, today: date) -> Told:
    told, where = Told(), {c: i for i, c in enumerate(columns)}
    for line, fields in records(text):
        told.read += 1
        try:
            _width(fields, columns)
            v = {c: clean(fields[i]) for c, i in where.items()}
            key = (need(v["numero_factura"]), integer(need(v["linea"])))
            if _day(need(v["fecha"]), today) != day:
                raise Wrong
            instant = datetime.combine(day, clock(need(v["hora"])), ZoneInfo("America/Caracas")).astimezone(timezone.utc)
            amount, total = decimal(need(v["cantidad"])), decimal(need(v["venta_total"]))
            optional = [None if v[c] is None else decimal(v[c]) for c in ("precio_unitario", "descuento")]
            row = (*key, instant, day, need(v["codigo_producto"]), amount, *optional, total, amount < 0)
        except Wrong:
            told.rejected.add(line)
        else:
            told.repeated += key in told.rows
            told.rows[key] = row
    return told


def stock(text: str, columns) -> Told:
    told, where = Told(), {c: i for i, c in enumerate(columns)}
    groups: dict[str, list[tuple[int, Decimal | None]]] = {}
    for line, fields in records(text):
        told.read += 1
        try:
            _width(fields, columns)
            code = need(clean(fields[where["codigo_producto"]]))
        except Wrong:
            told.rejected.add(line)
            continue
        try:
            [clean(f) for f in fields]
            value = decimal(need(clean(fields[where["stock"]])))
        except Wrong:
            value = None
        groups.setdefault(code, []).append((line, value))
    for code, found in groups.items():
        values = {value for _, value in found}
        if len(values) == 1 and None not in values:
            told.rows[code] = (code, *values)
            told.repeated += len(found) - 1
        else:
            told.rejected |= {line for line, _ in found}
    return told


def clean(text: str) -> str | None:
    if "\0" in text:
        raise Wrong
    return None if text.strip() in WORDS else text.strip()


def need(text: str | None) -> str:
    if text is None:
        raise Wrong
    return text


def decimal(text: str) -> Decimal:
    if not NUMBER.fullmatch(text):
        raise Wrong
    value = Decimal(text).quantize(Decimal("0.0001"), ROUND_HALF_UP, Context(prec=400))
    if abs(value) >= 10**14:
        raise Wrong
    return value


def integer(text: str) -> int:
    if not re.fullmatch(r"[+-]?[0-9]+", text) or not -(2**31) <= int(text) < 2**31:
        raise Wrong
    return int(text)


def clock(text: str) -> time:
    found = CLOCK.fullmatch(text)
    if not found:
        raise Wrong
    hour, minute, second, fraction = found.groups()
    return time(int(hour), int(minute), int(second or 0), int((fraction or "0").ljust(9, "0")[:6]))


def _day(text: str, today: date) -> date:
    try:
        day = datetime.strptime(text, "%Y-%m-%d").date() if re.fullmatch(r"\d{4}-\d\d-\d\d", text) else None  # noqa: DTZ007
    except ValueError:
        day = None
    if day is None or not date(2000, 1, 1) <= day <= today + timedelta(days=1):
        raise Wrong
    return day


def _width(fields, columns) -> None:
    if len(fields) != len(columns):
        raise Wrong
