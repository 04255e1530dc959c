"""Digests of rows on both engines: a comparison that moves only sums, and a second opinion.

Canonical text per column, joined by ``|``, md5, its first 64 bits, summed per slice. DuckDB's text is
in ``contracts.sqltext`` (images use it too); here is its PostgreSQL twin. Summed, not xor-ed: pairs
would cancel. Before this: the plan; after it: ``exact``, on the rows of the slices that differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from fluxion_pipeline.contracts import sqltext
from fluxion_pipeline.contracts.sqltext import quote
from fluxion_pipeline.contracts.tables import TableSpec
from fluxion_pipeline.parity.report import Difference, Kind
from fluxion_pipeline.parity.sides import Item, Side

ROW = "huella"
"""The name under which a row's digest is compared."""


def canonical_postgresql(spec: TableSpec) -> list[str]:
    """Canonical text of each compared column in PostgreSQL; its twin is ``sqltext.canonical_duckdb``."""
    result = []
    for name in spec.columns:
        column, kind = quote(name), spec.table.columns[name].type
        if isinstance(kind, sa.Text):
            result.append(rf"coalesce(replace(replace({column}, '\', '\\'), '|', '\|'), '\N')")
        elif isinstance(kind, sa.DateTime):
            finite = f"CAST(CAST(extract(epoch FROM {column}) * 1000000 AS BIGINT) AS text)"
            result.append(rf"coalesce(CASE WHEN isfinite({column}) THEN {finite} ELSE CAST({column} AS text) END, '\N')")
        else:
            result.append(rf"coalesce(CAST({column} AS text), '\N')")
    return result


def _row_postgresql(spec: TableSpec) -> str:
    text = ", ".join(canonical_postgresql(spec))
    return f"('x' || left(md5(concat_ws('|', {text})), 16))::bit(64)::bigint"


def digest_postgresql(spec: TableSpec) -> str:
    """PostgreSQL aggregate: the twin of ``sqltext.digest_duckdb``."""
    return f"CAST(coalesce(sum(CAST({_row_postgresql(spec)} AS numeric)), 0) AS text)"


def row_item(spec: TableSpec) -> Item:
    """A row's digest as the one value that is compared beside its key."""
    text = ", ".join(sqltext.canonical_duckdb(spec, spec.columns))
    return Item(ROW, f"from_hex(substr(md5(concat_ws('|', {text})), 1, 16))::BIT::BIGINT", _row_postgresql(spec), "BIGINT")


def fill(duckdb: Side, postgresql: Side, spec: TableSpec, sample: Sequence[Difference]) -> list[Difference]:
    """Read both sides' values of a sample that was found by digest: only these rows travel."""
    wanted = [d for d in sample if d.kind != Kind.DUPLICATED and None not in d.key.values()]
    if not wanted:
        return list(sample)
    mine, other = (_rows(side, spec, wanted) for side in (duckdb, postgresql))
    return [_filled(d, mine.get(tuple(d.key.values())), other.get(tuple(d.key.values()))) if d in wanted else d for d in sample]


def _rows(side: Side, spec: TableSpec, wanted: Sequence[Difference]) -> dict[tuple[Any, ...], dict[str, Any]]:
    keys = spec.physical_key
    condition, values = side.among(spec, keys, [[str(d.key[k]) for d in wanted] for k in keys])
    names = [*keys, *spec.values]
    shown = ", ".join(side.shown(quote(n), spec.table.columns[n]) for n in names)
    found = side.rows(f"SELECT {shown} FROM {side.table(spec)} WHERE {condition}", values)  # noqa: S608 quoted names
    return {row[: len(keys)]: dict(zip(spec.values, row[len(keys) :], strict=True)) for row in found}


def _filled(item: Difference, mine: dict[str, Any] | None, other: dict[str, Any] | None) -> Difference:
    columns = tuple(n for n in mine if mine[n] != other[n]) if mine and other and item.kind == Kind.CHANGED else ()
    return replace(item, duckdb=None if item.kind == Kind.EXTRA else mine, postgresql=None if item.kind == Kind.MISSING else other, columns=columns)
