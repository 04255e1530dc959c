"""The rules of one value as DuckDB SQL: what its text is worth, and what is wrong with it.

Each kind has two expressions over cleaned text ``t<i>``: its value ``v<i>`` (NULL where there is
none) and its error ``e<i>`` (a phrase that goes on after the column's name; NULL where all is well).
``day`` and ``tomorrow`` are columns beside them (as parameters they make planning twice as dear).
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from fluxion_pipeline.contracts.rules import decimals
from fluxion_pipeline.contracts.rules.layout import Field, Kind
from fluxion_pipeline.contracts.rules.text import literal, may_hold

MAX_CODE_BYTES = 1000
"""Longest code: both engines index codes, and PostgreSQL's index rows end at 2,704 bytes."""

FIRST_DAY = "2000-01-01"
MISSING = "is missing"
WITH_NUL = "contains U+0000"

_INTEGER = r"[+-]?[0-9]+"
_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_TIME = r"([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]+)?)?"
_MICROSECONDS = len("HH:MM:SS.ffffff")


def faultless(field: Field | None, column: pa.ChunkedArray, *, key: bool) -> bool:
    """Whether no value of a cleaned column has an error, as a glance can tell; otherwise ``error_sql`` is asked.

    Args:
        field: what the column is; only text and codes can be told so.
        column: its texts.
        key: whether it is part of the key, of which nothing may be missing.
    """
    kind = Kind.TEXT if field is None else field.kind
    if kind not in (Kind.TEXT, Kind.CODE) or may_hold(column, b"\0"):
        return False
    if column.null_count and (key or (field is not None and field.required)):
        return False
    return kind is Kind.TEXT or bool((pc.max(pc.binary_length(column)).as_py() or 0) <= MAX_CODE_BYTES)


def _shaped(text: str, pattern: str) -> str:
    return f"CASE WHEN regexp_full_match({text}, {literal(pattern)}) THEN {text} END"


def odd_sql(text: str) -> str:
    """Whether a decimal's cleaned text has to be decided by ``decimals``."""
    return f"(contains({text}, 'e') OR contains({text}, 'E') OR strlen({text}) > {decimals.PLAIN_LENGTH})"


def value_sql(kind: Kind, i: int, odd: bool) -> str:
    """The value of column ``i``; ``odd``: a table ``odd(text, value)``, joined as ``o<i>``, decides unusual decimals."""
    t = f"t{i}"
    if kind is Kind.DECIMAL:
        plain = f"TRY_CAST({_shaped(t, decimals.PATTERN)} AS DECIMAL(18,4))"
        return f"CASE WHEN {odd_sql(t)} THEN o{i}.value ELSE {plain} END" if odd else plain
    if kind is Kind.INTEGER:
        return f"TRY_CAST({_shaped(t, _INTEGER)} AS INTEGER)"
    if kind is Kind.DATE:
        return f"TRY_CAST({_shaped(t, _DATE)} AS DATE)"
    if kind is Kind.TIME:
        return f"TRY_CAST(left({_shaped(t, _TIME)}, {_MICROSECONDS}) AS TIME)"
    return t


def error_sql(field: Field | None, i: int) -> str:
    """What is wrong with column ``i``; ``field`` is None for a column that is not known (only U+0000 is refused)."""
    t, v = f"t{i}", f"v{i}"
    required = field is not None and field.required
    nul = f"WHEN contains({t}, chr(0)) THEN {literal(WITH_NUL)}"
    missing = f"WHEN {t} IS NULL THEN " + (literal(MISSING) if required else "NULL")
    kind = Kind.TEXT if field is None else field.kind
    cases = {Kind.TEXT: [], Kind.CODE: _code(t), Kind.DATE: _date(t, v)}.get(kind)
    cases = [f"WHEN {v} IS NOT NULL THEN NULL", nul, *_unreadable(kind, t)] if cases is None else [nul, *cases]
    return "CASE " + " ".join([missing, *cases]) + " END"


def _code(t: str) -> list[str]:
    return [f"WHEN strlen({t}) > {MAX_CODE_BYTES} THEN 'is longer than {MAX_CODE_BYTES} bytes'"]


def _unreadable(kind: Kind, t: str) -> list[str]:
    if kind is Kind.TIME:
        return ["ELSE 'is not a time HH:MM or HH:MM:SS'"]
    pattern, what, type_ = (_INTEGER, "an integer", "INTEGER") if kind is Kind.INTEGER else (decimals.PATTERN, "a decimal number", "NUMERIC(18,4)")
    return [f"WHEN regexp_full_match({t}, {literal(pattern)}) THEN 'does not fit {type_}'", f"ELSE 'is not {what}'"]


def _date(t: str, v: str) -> list[str]:
    return [
        f"WHEN {v} IS NULL AND regexp_full_match({t}, {literal(_DATE)}) THEN 'is no day of the calendar'",
        f"WHEN {v} IS NULL THEN 'is not a date YYYY-MM-DD'",
        f"WHEN {v} < DATE '{FIRST_DAY}' THEN 'is before {FIRST_DAY}'",
        f"WHEN {v} > tomorrow THEN 'is after tomorrow (' || CAST(tomorrow AS VARCHAR) || ')'",
        f"WHEN {v} <> day THEN 'is not the day of the file (' || CAST(day AS VARCHAR) || ')'",
    ]
