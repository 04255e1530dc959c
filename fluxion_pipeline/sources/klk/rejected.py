"""Rejects of an answer with the line as it came, in place of the columns that were taken from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import pyarrow as pa

from fluxion_pipeline.contracts.outcomes import Fact
from fluxion_pipeline.contracts.rows import REJECT_SCHEMA
from fluxion_pipeline.contracts.rules.rejects import identity


def retold(rejects: pa.Table, texts: Mapping[int, str], fact: Fact) -> pa.Table:
    """Rejects whose ``fila`` is the raw line, and whose id goes by it.

    A line's position is no part of its id: in the next answer, or in another window, it stands elsewhere.
    Lines that are equal are told apart by their number among them.

    Args:
        rejects: ``REJECT_SCHEMA``.
        texts: the raw lines, by position.
        fact: the table that the rows were meant for.
    """
    rows, met = rejects.to_pylist(), Counter[str]()
    for row in rows:
        row["fila"] = texts.get(row["linea"], row["fila"]).replace("\x00", "\\u0000")  # as JSON should have it, and databases can
        row["id"] = identity(fact.value, row["origen"], met[row["fila"]], row["fila"])
        met[row["fila"]] += 1
    return pa.Table.from_pylist(rows, REJECT_SCHEMA)
