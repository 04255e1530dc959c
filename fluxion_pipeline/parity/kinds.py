"""Types of any two databases, mapped by the contract's: which can be compared, and as what they are read. Pure.

A type of this chain's contract is read as it is. Some others have one text on both engines and are
compared as that. What has none (JSON, arrays, intervals) isn't compared, and that is said.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

_WIDEST = 38
_SIZE = re.compile(r"\(([^)]*)\)")
_CLASSES = {
    "text": ("text", "character varying", "varchar", "enum"),
    "char": ("character", "bpchar"),
    "integer": ("smallint", "integer", "bigint", "tinyint", "utinyint", "usmallint", "uinteger"),
    "float": ("double precision", "real", "double", "float"),
    "boolean": ("boolean",),
    "date": ("date",),
    "instant": ("timestamp with time zone",),
    "local instant": ("timestamp without time zone", "timestamp"),
    "time": ("time without time zone", "time"),
    "uuid": ("uuid",),
    "bytes": ("bytea", "blob"),
}
_BY_NAME = {name: kind for kind, names in _CLASSES.items() for name in names}
_TYPES: dict[str, Any] = {"integer": sa.BigInteger(), "float": sa.Float(), "boolean": sa.Boolean(), "date": sa.Date(), "instant": sa.DateTime(timezone=True)}


@dataclass(frozen=True)
class ColumnKind:
    """What a column holds.

    Attributes:
        kind: one of the closed set; empty: it can't be compared.
        precision: of a decimal.
        scale: of a decimal.
    """

    kind: str
    precision: int = 0
    scale: int = 0


def kind_of(text: str) -> ColumnKind:
    """Read a type as DuckDB or PostgreSQL names it."""
    lowered = text.lower()
    if lowered.startswith("enum("):
        return ColumnKind("text")
    if lowered.endswith("]"):
        return ColumnKind("")
    size, name = _SIZE.search(lowered), " ".join(_SIZE.sub(" ", lowered).split())
    if name in ("numeric", "decimal"):
        if size is None:
            return ColumnKind("numeric without scale")
        precision, _, scale = size[1].partition(",")
        if int(precision) > _WIDEST or int(scale or 0) < 0:
            return ColumnKind("")
        return ColumnKind("decimal", int(precision), int(scale or 0))
    return ColumnKind(_BY_NAME.get(name, ""))


def together(left: ColumnKind, right: ColumnKind) -> ColumnKind | None:
    """The kind as which both are compared; None: they can't be."""
    if not left.kind or left.kind != right.kind:
        return None
    if left.kind != "decimal":
        return left
    scale = max(left.scale, right.scale)
    whole = max(left.precision - left.scale, right.precision - right.scale)
    return ColumnKind("decimal", whole + scale, scale) if whole + scale <= _WIDEST else None


def type_of(kind: ColumnKind) -> Any:
    """The contract's type as which it is compared."""
    return sa.Numeric(kind.precision, kind.scale) if kind.kind == "decimal" else _TYPES.get(kind.kind, sa.Text())


def in_duckdb(column: str, kind: ColumnKind) -> str:
    """DuckDB's SQL of a quoted column, as it is compared."""
    if kind.kind == "decimal":
        return f"CAST({column} AS DECIMAL({kind.precision},{kind.scale}))"
    casts = {"integer": "BIGINT", "float": "DOUBLE", "boolean": "BOOLEAN", "date": "DATE", "instant": "TIMESTAMPTZ"}
    if kind.kind == "bytes":
        return f"lower(hex({column}))"
    return f"CAST({column} AS {casts.get(kind.kind, 'VARCHAR')})"


def in_postgresql(column: str, kind: ColumnKind) -> str:
    """PostgreSQL's twin of ``in_duckdb``; what is a text in COPY is a text here."""
    if kind.kind == "decimal":
        return f"CAST({column} AS numeric({kind.precision},{kind.scale}))"
    casts = {"integer": "bigint", "float": "double precision", "boolean": "boolean", "date": "date", "instant": "timestamptz"}
    if kind.kind == "bytes":
        return f"encode({column}, 'hex')"
    if kind.kind == "numeric without scale":
        return f"CAST(trim_scale({column}) AS text)"
    return f"CAST({column} AS {casts.get(kind.kind, 'text')})"
