"""The same key more than once: which row stands, which repeat it, which contradict each other.

Comes after validation: of sales and the catalogue the last valid line stands; of stock a key either
says one thing, in valid rows only, or none of its rows is believed.
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from fluxion_pipeline.contracts.outcomes import Fact

STANDS = "NOT EXISTS (SELECT 1 FROM fate WHERE fate.ord = judged.ord)"
"""SQL condition on a valid row of ``judged``: no other row stands for it and it contradicts none."""

DIFFERENT = "stands several times with different values"
WITH_INVALID = "stands several times and one of these rows is invalid"


def settle(con: duckdb.DuckDBPyConnection, fact: Fact, keys: Sequence[str], values: Sequence[str], keyed: str) -> bool:
    """Make ``fate(ord, conflict)`` from ``judged``: valid rows that don't stand; conflict NULL: merely repeated.

    Args:
        con: where ``judged`` is.
        fact: decides which of the two rules holds.
        keys: columns of ``judged`` that make the key within a location.
        values: columns that must agree for stock.
        keyed: SQL condition: the row's key can be read.

    Returns:
        Whether any key stands more than once.
    """
    listed = ", ".join(keys)
    con.execute("CREATE TEMP TABLE fate (ord BIGINT, conflict VARCHAR)")
    repeated = f"SELECT {listed} FROM judged WHERE {keyed} GROUP BY {listed} HAVING count(*) > 1"  # noqa: S608
    if not con.execute(f"{repeated} LIMIT 1").fetchall():
        return False
    groups = (
        f"SELECT {listed}, max(ord) FILTER (WHERE ok) AS last, bool_and(ok) AS whole, count(DISTINCT {{{_struct(values)}}}) = 1 AS same "  # noqa: S608
        f"FROM judged SEMI JOIN ({repeated}) USING ({listed}) WHERE {keyed} GROUP BY {listed}"
    )
    conflict = f"CASE WHEN NOT whole THEN '{WITH_INVALID}' WHEN NOT same THEN '{DIFFERENT}' END" if fact is Fact.INVENTARIO else "CAST(NULL AS VARCHAR)"
    con.execute(
        f"INSERT INTO fate SELECT ord, conflict FROM (SELECT ord, last, {conflict} AS conflict FROM judged JOIN ({groups}) USING ({listed}) "  # noqa: S608
        f"WHERE ok AND {keyed}) WHERE conflict IS NOT NULL OR ord <> last"
    )
    return True


def count(con: duckdb.DuckDBPyConnection) -> int:
    """How many rows merely repeat another."""
    ((found,),) = con.execute("SELECT count(*) FROM fate WHERE conflict IS NULL").fetchall()
    return int(found)


def _struct(values: Sequence[str]) -> str:
    return ", ".join(f"'{v}': {v}" for v in values)
