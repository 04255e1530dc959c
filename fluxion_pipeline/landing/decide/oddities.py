"""Oddities of a reading that stands: data with reasons, next to the hard rules of ``outcome``; they hold nothing back.

One store's real days vary tenfold, a price list does change and a till's clock is wrong for weeks: none of
this may keep a reading from the sinks. But a person should hear of it. Told apart from what the location
itself did on its days before; a location that is new has no usual.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from statistics import median
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from fluxion_pipeline.contracts.clock import ZONE, closable_from, parse_day
from fluxion_pipeline.contracts.outcomes import Fact
from fluxion_pipeline.sources.protocol import ROW_KEYS, Reading


@dataclass(frozen=True)
class Rule:
    """One kind of oddity.

    Attributes:
        word: what it is called.
        limit: from where on it is odd.
        why: what a person should think of.
    """

    word: str
    limit: float
    why: str


PRICES = Rule("precios", 3, "another currency or unit, or a rate that wasn't applied")
AMOUNT = Rule("monto", 12, "amounts in another currency, or a day that was booked twice")
SLOW = Rule("día flojo", 12, "tills that have not uploaded, or a store that closed early")
AHEAD = Rule("reloj adelantado", 5, "a till's clock is ahead")
NIGHT = Rule("reloj corrido", 0.2, "a till's clock is hours off")
JUMP = Rule("salto", 0.9, "another store's stock, or a count of all shelves")
RULES = (PRICES, AMOUNT, SLOW, AHEAD, NIGHT, JUMP)

MANY = 50
"""Rows from which on shares and medians mean something."""

DAYS, FEWEST = 14, 5
"""How many of the last days the usual is taken from, and how few are none."""

NIGHT_HOURS = range(1, 5)
"""Local hours at which no store sells."""


def totals(reading: Reading) -> dict[str, Any]:
    """What is remembered of a day for the days after it: its lines, its amount and its pieces, as text."""
    if reading.fact is not Fact.VENTAS or reading.window is not None:
        return {}
    amount, pieces = (pc.sum(reading.rows.column(c)).as_py() or Decimal(0) for c in ("venta_total", "cantidad"))
    return {"lines": reading.rows.num_rows, "amount": str(amount), "pieces": str(pieces)}


def oddities(reading: Reading, before: pa.Table, days: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    """What is odd about a reading that is applied, each as ``word: what was found: what to think of``.

    Args:
        reading: what was read.
        before: of stock: the state before it.
        days: of sales: ``totals`` of the closed days before it, newest first.
    """
    found = _of_stock(reading, before) if reading.fact is Fact.INVENTARIO else _of_sales(reading, days)
    return tuple(f"{rule.word}: {text} ({rule.why}?)" for rule, text in found)


def _of_stock(reading: Reading, before: pa.Table) -> Iterator[tuple[Rule, str]]:
    both = _beside(reading.rows, before, ["stock", "precio"])
    if both.num_rows < MANY:
        return
    priced = both.filter(pc.and_(pc.greater(both.column("precio"), 0), pc.greater(both.column("precio_antes"), 0)))
    if priced.num_rows >= MANY:
        ratios = pc.divide(priced.column("precio").cast(pa.float64()), priced.column("precio_antes").cast(pa.float64()))
        if _off(ratio := float(pc.quantile(ratios)[0].as_py()), PRICES.limit):
            yield PRICES, f"the median price is {ratio:.3g} times that of the state before"
    changed = pc.sum(pc.not_equal(both.column("stock"), both.column("stock_antes"))).as_py() or 0
    if changed > JUMP.limit * both.num_rows:
        yield JUMP, f"{changed} of {both.num_rows} products have another stock than before"


def _beside(rows: pa.Table, before: pa.Table, names: list[str]) -> pa.Table:
    """Some columns of the products that both have, those of before with ``_antes`` behind their names."""
    keys = list(ROW_KEYS[Fact.INVENTARIO])
    if all(rows.column(c).equals(before.column(c)) for c in keys):  # the same products in the same order, as mostly
        then = [before.column(c) for c in names]
        return pa.Table.from_arrays([rows.column(c) for c in names] + then, names=[*names, *(f"{c}_antes" for c in names)])
    return rows.select([*keys, *names]).join(before.select([*keys, *names]), keys, right_suffix="_antes", join_type="inner")


def _of_sales(reading: Reading, days: Sequence[dict[str, Any]]) -> Iterator[tuple[Rule, str]]:
    rows = reading.rows
    instants = rows.column("fecha_venta")
    late = pc.sum(pc.greater(instants, pa.scalar(reading.read_at + timedelta(minutes=AHEAD.limit), instants.type))).as_py() or 0
    if late:
        yield AHEAD, f"{late} lines are later than the reading"
    hours = pc.hour(instants.cast(pa.timestamp("us", tz=ZONE.key)))
    night = pc.sum(pc.is_in(hours, value_set=pa.array(NIGHT_HOURS, hours.type))).as_py() or 0
    if rows.num_rows >= MANY and night > NIGHT.limit * rows.num_rows:
        yield NIGHT, f"{night} of {rows.num_rows} lines are between {NIGHT_HOURS.start} and {NIGHT_HOURS.stop} at night"
    if reading.window is None and reading.read_at >= closable_from(parse_day(reading.cut)):
        yield from _of_day(totals(reading), days)


def _of_day(day: dict[str, Any], days: Sequence[dict[str, Any]]) -> Iterator[tuple[Rule, str]]:
    """A closed day beside the days before it."""
    full = [d for d in days if d["lines"]]
    if len(full) < FEWEST or not day["lines"]:
        return
    lines, amount = median(d["lines"] for d in full), median(float(d["amount"]) for d in full)
    if lines >= MANY and day["lines"] * SLOW.limit < lines:
        yield SLOW, f"{day['lines']} lines, usual are {lines:.0f}"
    if amount > 0 and float(day["amount"]) > AMOUNT.limit * amount:
        yield AMOUNT, f"{float(day['amount']):,.2f} USD, usual are {amount:,.2f}"
    usual = [float(d["amount"]) / float(d["pieces"]) for d in full if float(d["pieces"]) > 0]
    if len(usual) >= FEWEST and day["lines"] >= MANY and float(day["pieces"]) > 0:
        ratio = float(day["amount"]) / float(day["pieces"]) / median(usual) if median(usual) > 0 else 1.0
        if _off(ratio, PRICES.limit):
            yield PRICES, f"a piece costs {ratio:.3g} times the usual"


def _off(ratio: float, limit: float) -> bool:
    return ratio > limit or ratio * limit < 1
