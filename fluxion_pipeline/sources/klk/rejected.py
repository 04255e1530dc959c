"""Rejects of an answer with the line as it came, in place of the columns that were taken from it."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa

from fluxion_pipeline.contracts.outcomes import Fact
from fluxion_pipeline.contracts.rows import REJECT_SCHEMA
from fluxion_pipeline.contracts.rules.rejects import identity
from fluxion_pipeline.sources.klk.shelf import Shelf

PIECE = 1 << 12
"""Rejects that are told at once: a server that gives another day's lines has all of them refused."""


def retold(rejects: pa.Table, texts: Iterable[tuple[int, str]], fact: Fact, folder: Path) -> pa.Table:
    """Rejects whose ``fila`` is the raw line, and whose id goes by it.

    A line's position is no part of its id: in the next answer, or in another window, it stands elsewhere.
    Lines that are equal are told apart by their number among them.

    Args:
        rejects: ``REJECT_SCHEMA``, by line.
        texts: the position and the raw text of every line, ascending.
        fact: the table that the rows were meant for.
        folder: where the rejects are put, if they are many.
    """
    lines, met = iter(texts), Counter[bytes]()
    with Shelf(folder, REJECT_SCHEMA) as shelf:
        for batch in rejects.to_batches(max_chunksize=PIECE):
            rows = batch.to_pylist()
            for row in rows:
                text = next(text for at, text in lines if at == row["linea"])
                row["fila"] = text.replace("\x00", "\\u0000")  # as JSON should have it, and databases can
                mark = hashlib.sha256(row["fila"].encode()).digest()
                row["id"] = identity(fact.value, row["origen"], met[mark], row["fila"])
                met[mark] += 1
            shelf.put(pa.Table.from_pylist(rows, REJECT_SCHEMA))
        return shelf.taken()
