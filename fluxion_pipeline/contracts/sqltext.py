"""SQL text that both engines understand: quoting, types, slices, canonical text.

Identifiers are quoted here and nowhere else; values are always bound by the callers.
"""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from fluxion_pipeline.contracts.clock import ZONE_NAME
from fluxion_pipeline.contracts.tables import TableSpec


def quote(name: str) -> str:
    """An identifier, quoted for DuckDB and PostgreSQL alike."""
    return '"' + name.replace('"', '""') + '"'


def columns(names: Iterable[str], prefix: str = "") -> str:
    """A list of quoted columns, each with ``prefix`` (an alias and its point) before it."""
    return ", ".join(prefix + quote(n) for n in names)


def duckdb_type(column: sa.Column[object]) -> str:
    """The DuckDB type of a column of the contract."""
    kind = column.type
    if isinstance(kind, sa.Numeric) and not isinstance(kind, sa.Float):
        return f"DECIMAL({kind.precision},{kind.scale})"
    if isinstance(kind, sa.DateTime):
        return "TIMESTAMPTZ"
    names = ((sa.Text, "VARCHAR"), (sa.Date, "DATE"), (sa.Boolean, "BOOLEAN"), (sa.BigInteger, "BIGINT"), (sa.Integer, "INTEGER"), (sa.Float, "DOUBLE"))
    return next(name for type_, name in names if isinstance(kind, type_))


def slice_text(spec: TableSpec, prefix: str = "") -> str:
    """DuckDB text of a row's slice, as in the ledger: ``SUC001``, ``SUC001/2025-11-24``, ``SUC001/2025-11-24T0630``, ``*``.

    A coverage or reject slice is that of its fact with the fact's table before it:
    ``ventas/SUC001/2025-11-24``.
    """
    if not spec.slice_columns:
        return "'*'"
    parts = []
    for name in spec.slice_columns:
        column = prefix + quote(name)
        kind = spec.table.columns[name].type
        if isinstance(kind, sa.DateTime):
            parts.append(f"strftime(timezone('{ZONE_NAME}', {column}), '%Y-%m-%dT%H%M')")
        elif isinstance(kind, sa.Date):
            parts.append(f"strftime({column}, '%Y-%m-%d')")
        else:
            parts.append(column)
    return " || '/' || ".join(parts)


def canonical_duckdb(spec: TableSpec, names: Iterable[str], prefix: str = "") -> list[str]:
    """Canonical text of each column in DuckDB: equal in both engines exactly where the values are equal."""
    result = []
    for name in names:
        column, kind = prefix + quote(name), spec.table.columns[name].type
        if isinstance(kind, sa.Text):
            result.append(rf"coalesce(replace(replace({column}, '\', '\\'), '|', '\|'), '\N')")
        elif isinstance(kind, sa.DateTime):
            result.append(rf"coalesce(CAST(epoch_us({column}) AS VARCHAR), '\N')")
        else:
            result.append(rf"coalesce(CAST({column} AS VARCHAR), '\N')")
    return result


def digest_duckdb(spec: TableSpec, names: Iterable[str], prefix: str = "") -> str:
    """DuckDB aggregate: the sum over rows of the first 64 bits of the md5 of their canonical text."""
    text = ", ".join(canonical_duckdb(spec, names, prefix))
    return f"coalesce(sum(from_hex(substr(md5(concat_ws('|', {text})), 1, 16))::BIT::BIGINT::HUGEINT), 0)::VARCHAR"
