"""An answer's lines, judged piece by piece: what is held is the rows that come out, not what they came from.

Before this: ``lines``; after it: ``source``. The rules are the contract's (``contracts.rules``); here is
only what pieces make necessary: a key that stands in two of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fluxion_pipeline.contracts.outcomes import Fact
from fluxion_pipeline.contracts.rows import MET_SCHEMA, REJECT_SCHEMA, ROW_KEYS
from fluxion_pipeline.contracts.rules.judge import judge
from fluxion_pipeline.contracts.rules.layout import Judged, Place
from fluxion_pipeline.sources.klk.lines import Lines
from fluxion_pipeline.sources.klk.rejected import retold

PIECE = 1 << 15
"""Sales lines that are judged at once. A stock answer is one piece: rows of one key must be seen together, and it is small."""


def judged(lines: Lines, place: Place, *, constants: Mapping[str, str]) -> Judged:
    """Apply the rules to all lines of an answer.

    Args:
        lines: of one answer.
        place: what the answer is of.
        constants: columns that no line has, and their value.

    Raises:
        Failure: if the answer as a whole can't be believed.
    """
    layout = lines.shape.layout
    found = []
    for raw in lines.pieces(PIECE if layout.fact is Fact.VENTAS else None):
        table = raw.table
        for name, value in constants.items():
            table = table.append_column(name, pa.repeat(pa.scalar(value, pa.string()), table.num_rows))
        found.append(judge(replace(raw, table=table), layout, place))
    whole = found[0] if len(found) == 1 else _together(found, layout.fact)
    if not whole.rejects.num_rows:
        return whole
    texts = lines.texts({n for n in whole.rejects.column("linea").to_pylist() if n is not None})
    return replace(whole, rejects=retold(whole.rejects, texts, layout.fact))


def _together(pieces: list[Judged], fact: Fact) -> Judged:
    """Pieces of one answer as one: of a key that stands in several, the last row stands."""
    rows = pa.concat_tables([p.rows for p in pieces])
    stands = _last_of_each(rows.select(list(ROW_KEYS[fact])))
    kept = rows if stands.num_rows == rows.num_rows else rows.take(stands.column(0).combine_chunks().sort())
    rejects = pa.concat_tables([p.rejects for p in pieces]) if pieces else REJECT_SCHEMA.empty_table()
    repeated = sum(p.repeated for p in pieces) + rows.num_rows - kept.num_rows
    return Judged(kept, rejects, sum(p.read for p in pieces), repeated, _met([p.met for p in pieces if p.met is not None]))


def _last_of_each(keys: pa.Table) -> pa.Table:
    """The position of each key's last row."""
    numbered = keys.append_column("n", pa.array(np.arange(keys.num_rows, dtype=np.int64)))
    return numbered.group_by(keys.column_names).aggregate([("n", "max")]).select(["n_max"])


def _met(tables: list[pa.Table]) -> pa.Table | None:
    """The products of all pieces, each with the first description that says anything."""
    if not tables:
        return None
    names = MET_SCHEMA.names[1:]
    firsts = pa.concat_tables(tables).group_by("codigo", use_threads=False).aggregate([(c, "first", pc.ScalarAggregateOptions(skip_nulls=True)) for c in names])
    return firsts.rename_columns(MET_SCHEMA.names).cast(MET_SCHEMA)
