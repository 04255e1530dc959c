"""The same key more than once: which row stands, which repeat it, which contradict each other.

Comes after validation: of sales and the catalogue the last valid line stands; of stock a key either
says one thing, in valid rows only, or none of its rows is believed.
"""

from __future__ import annotations

from collections.abc import Sequence

from fluxion_pipeline.contracts.outcomes import Fact

DIFFERENT = "stands several times with different values"
WITH_INVALID = "stands several times and one of these rows is invalid"


def sql(fact: Fact, keys: Sequence[str], values: Sequence[str]) -> str:
    """Query for ``(ord, conflict)`` of valid rows that don't stand; conflict NULL: merely repeated.

    Args:
        fact: decides which of the two rules holds.
        keys: columns of ``keyed`` (rows whose key can be read: ord, ok, keys, values) that make the key.
        values: columns that must agree for stock.
    """
    listed = ", ".join(keys)
    struct = ", ".join(f"'{v}': {v}" for v in values)
    groups = (
        f"SELECT {listed}, max(ord) FILTER (WHERE ok) AS last, bool_and(ok) AS whole, count(DISTINCT {{{struct}}}) = 1 AS same "  # noqa: S608
        f"FROM keyed SEMI JOIN (SELECT {listed} FROM keyed GROUP BY {listed} HAVING count(*) > 1) USING ({listed}) GROUP BY {listed}"
    )
    conflict = f"CASE WHEN NOT whole THEN '{WITH_INVALID}' WHEN NOT same THEN '{DIFFERENT}' END" if fact is Fact.INVENTARIO else "CAST(NULL AS VARCHAR)"
    return (
        f"SELECT ord, conflict FROM (SELECT ord, last, {conflict} AS conflict FROM keyed JOIN ({groups}) USING ({listed}) WHERE ok) "  # noqa: S608
        "WHERE conflict IS NOT NULL OR ord <> last"
    )
