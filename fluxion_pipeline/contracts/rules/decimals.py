"""Decimals that a database's cast gets wrong: exponents and very many digits, decided exactly.

DuckDB's ``TRY_CAST`` to DECIMAL(18,4) rounds half away from zero, once, for plain numbers. With
exponents far from zero or more than 38 digits it may give NULL or 0 for a number that is neither, so
those texts (there are hardly ever any) are taken one by one, each distinct text once.
"""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation

import pyarrow as pa
import pyarrow.compute as pc

from fluxion_pipeline.contracts.rules.text import may_hold

PATTERN = r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?"
"""What a decimal looks like (the whole text): sign, point and exponent are optional; no separators."""

PLAIN_LENGTH = 30
"""Longest text that is left to the database's cast, if it has no exponent."""

PLACES = Decimal("0.0001")
LIMIT = Decimal(10) ** 14
_WHOLE_DIGITS, _TINY = 14, -6
_DECIMAL = re.compile(PATTERN, re.ASCII)


def exact(text: str) -> Decimal | None:
    """A cleaned text as NUMERIC(18,4), rounded once, half away from zero; None: not a decimal, or too large."""
    if not _DECIMAL.fullmatch(text):
        return None
    mantissa, _, exponent = text.lower().partition("e")
    if not mantissa.strip("+-.0"):
        return PLACES * 0
    try:
        value = Decimal(text)
    except InvalidOperation:  # the exponent itself is beyond every bound
        return PLACES * 0 if exponent.startswith("-") else None
    if value.adjusted() >= _WHOLE_DIGITS:
        return None
    if value.adjusted() < _TINY:
        return PLACES * 0
    rounded = value.quantize(PLACES, ROUND_HALF_UP, Context(prec=40))
    if abs(rounded) >= LIMIT:
        return None
    return rounded if rounded else abs(rounded)


def odd(column: pa.ChunkedArray) -> list[str]:
    """The distinct texts of a cleaned column that must not be left to the database's cast."""
    long = pc.greater(pc.binary_length(column), PLAIN_LENGTH)
    if may_hold(column, b"e", b"E"):
        long = pc.or_(long, pc.match_substring(column, "e", ignore_case=True))
    found = column.filter(long)
    return [str(text) for text in found.unique().to_pylist() if text is not None]
