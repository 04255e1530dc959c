"""``deriva``: rows of a sink that somebody else changed, found where a slice is made equal to its next image.

Wherever the change set (``changes``) holds a key, the row that the sink had is compared with that of the
image which its ledger names: where they differ, it wasn't the pipeline that made it so. An edit that says
what the next image says, too, isn't one any more. Slices that the sink proves to be as its ledger says
aren't looked at. Before this: ``_cambios`` and ``_tenida`` of ``changes``; after it: the report of a convergence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import duckdb

from fluxion_pipeline.contracts.sqltext import columns, quote, slice_text
from fluxion_pipeline.contracts.tables import TableSpec
from fluxion_pipeline.landing.index import Image
from fluxion_pipeline.sinks import changes, slices
from fluxion_pipeline.sinks.protocol import Drift, Edited, Past

SAMPLE = 20
"""Rows that are shown of a slice."""


def find(con: duckdb.DuckDBPyConnection, table: TableSpec, images: Sequence[Image], lines: Mapping[str, int], past: Past) -> tuple[Drift, ...]:
    """What somebody changed in slices that are about to be made equal.

    Args:
        con: with ``_tenida`` and ``_cambios``.
        table: the table.
        images: what the slices shall be.
        lines: slice → the version that the ledger names, of this outbox.
        past: gives an earlier image; a slice whose image is gone says nothing.
    """
    found = [past(i.location, table.name, i.slice, lines[i.slice]) for i in images if lines.get(i.slice, i.version) != i.version]
    before = [i for i in found if i is not None]
    if not before:
        return ()
    _compare(con, table, before)
    counts: dict[str, dict[str, int]] = {}
    for name, kind, number in con.execute("SELECT _slice, _que, count(*) FROM _deriva GROUP BY ALL").fetchall():
        counts.setdefault(name, {})[kind] = number
    samples: dict[str, list[Edited]] = {}
    shown = "SELECT _slice, _que, _antes, _despues FROM _deriva QUALIFY row_number() OVER (PARTITION BY _slice ORDER BY _clave) <= ? ORDER BY _clave"
    for name, kind, was, became in con.execute(shown, [SAMPLE]).fetchall():
        samples.setdefault(name, []).append(Edited(kind, was, became))
    return tuple(Drift(table.name, name, counts[name], tuple(samples[name])) for name in sorted(counts))


def _compare(con: duckdb.DuckDBPyConnection, table: TableSpec, before: Sequence[Image]) -> None:
    """Fill ``_deriva``: of each changed key the row that was written and the row that was found, where they aren't the same."""
    key, first = table.physical_key, quote(table.key[0])
    files = sorted({str(i.file) for i in before})
    con.register("_slices", slices.relation(table, before))
    con.execute(f"CREATE OR REPLACE TEMP TABLE _pasada AS {changes.image_relation(table, '_cambios')}", [files])
    con.unregister("_slices")
    same = " AND ".join(f"p.{quote(k)} = h.{quote(k)}" for k in key)
    differs = " OR ".join(f"p.{quote(v)} IS DISTINCT FROM h.{quote(v)}" for v in table.values) or "false"
    what = f"CASE WHEN h.{first} IS NULL THEN 'borrada' WHEN p.{first} IS NULL THEN 'agregada' WHEN h._veces > 1 THEN 'doblada' ELSE 'cambiada' END"
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE _deriva AS
        WITH _hallada AS MATERIALIZED (SELECT t.* FROM _tenida t SEMI JOIN _cambios USING ({columns(key)}))
        SELECT coalesce(p._slice, h._slice) AS _slice, {what} AS _que, {_row(table, "p")} AS _antes, {_row(table, "h")} AS _despues,
               [{", ".join(f"CAST(coalesce(p.{quote(k)}, h.{quote(k)}) AS VARCHAR)" for k in key)}] AS _clave
        FROM (SELECT t.*, {slice_text(table, "t.")} AS _slice FROM _pasada t) p
        FULL OUTER JOIN (
            SELECT t.*, {slice_text(table, "t.")} AS _slice, count(*) OVER (PARTITION BY {columns(key, "t.")}) AS _veces
            FROM _hallada t WHERE {slice_text(table, "t.")} IN (SELECT unnest(?))
        ) h ON {same}
        WHERE h.{first} IS NULL OR p.{first} IS NULL OR h._veces > 1 OR {differs}
        """,  # noqa: S608 quoted names
        [[i.slice for i in before]],
    )


def _row(table: TableSpec, alias: str) -> str:
    """A row as a map from column to text; NULL where there is none."""
    names = ", ".join(f"'{c}'" for c in table.columns)
    texts = ", ".join(f"CAST({alias}.{quote(c)} AS VARCHAR)" for c in table.columns)
    return f"CASE WHEN {alias}.{quote(table.key[0])} IS NOT NULL THEN map([{names}], [{texts}]) END"
