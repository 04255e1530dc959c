"""An answer's lines, judged piece by piece: held in memory is one piece, whatever the answer's size.

Before this: ``lines``; after it: ``source``. The rules are the contract's (``contracts.rules``); here is
only what pieces make necessary: rows that wait on the disk (``shelf``), and a key that stands in two
pieces (``doubles``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from fluxion_pipeline.contracts.outcomes import Fact
from fluxion_pipeline.contracts.rows import MET_SCHEMA, REJECT_SCHEMA, row_schema
from fluxion_pipeline.contracts.rules.judge import judge
from fluxion_pipeline.contracts.rules.layout import Judged, Place, Raw
from fluxion_pipeline.sources.failure import partial
from fluxion_pipeline.sources.klk.doubles import judged_together, last_stands
from fluxion_pipeline.sources.klk.lines import Lines
from fluxion_pipeline.sources.klk.rejected import retold
from fluxion_pipeline.sources.klk.shelf import Shelf

PIECE = 1 << 14
"""Lines that are judged at once."""


def judged(lines: Lines, place: Place, *, constants: Mapping[str, str]) -> Judged:
    """Apply the rules to all lines of an answer.

    Args:
        lines: of one answer.
        place: what the answer is of.
        constants: columns that no line has, and their value.

    Raises:
        Failure: if the answer as a whole can't be believed, or the disk doesn't take its rows.
    """
    try:
        whole = _judged(lines, place, constants)
    except OSError as error:
        raise partial(f"the answer's rows can't be kept in {lines.path.parent}: {error.strerror or error}") from None
    if not whole.rejects.num_rows:
        return whole
    return replace(whole, rejects=retold(whole.rejects, lines.texts(), lines.shape.layout.fact, lines.path.parent))


def _judged(lines: Lines, place: Place, constants: Mapping[str, str]) -> Judged:
    layout, folder = lines.shape.layout, lines.path.parent
    read = repeated = pieces = 0
    met = _Met(layout.fact, folder)
    with Shelf(folder, row_schema(layout.fact)) as shelf, Shelf(folder, REJECT_SCHEMA) as refused, met.shelf:
        for raw in _pieces(lines, constants):
            piece = judge(raw, layout, place)
            shelf.put(piece.rows)
            met.add(piece.met)
            refused.put(piece.rejects)
            read, repeated, pieces = read + piece.read, repeated + piece.repeated, pieces + 1
        whole = Judged(shelf.taken(), refused.taken(), read, repeated, met.taken())
    if pieces < 2:
        return whole
    if layout.fact is Fact.INVENTARIO:
        return judged_together(whole, _pieces(lines, constants), layout, place, folder)
    return last_stands(whole, layout.fact, folder)


def _pieces(lines: Lines, constants: Mapping[str, str]) -> Iterator[Raw]:
    for raw in lines.pieces(PIECE):
        table = raw.table
        for name, value in constants.items():
            table = table.append_column(name, pa.repeat(pa.scalar(value, pa.string()), table.num_rows))
        yield replace(raw, table=table)


class _Met:
    """The products of all pieces, each with the first description that says anything: of sales those of thousands of lines, of stock one a line."""

    def __init__(self, fact: Fact, folder: Path) -> None:
        self.fact, self.folder = fact, folder
        self.shelf = Shelf(folder, MET_SCHEMA)
        self._waiting: list[pa.Table] = []

    def add(self, met: pa.Table | None) -> None:
        if met is None:
            return
        if self.fact is Fact.INVENTARIO:
            self.shelf.put(met)
            return
        self._waiting.append(met)
        first, *others = self._waiting
        if sum(t.num_rows for t in others) > first.num_rows:
            self._waiting = [_firsts(self._waiting)]

    def taken(self) -> pa.Table | None:
        if self.fact is Fact.CATALOGO:
            return None
        return self.shelf.taken() if self.fact is Fact.INVENTARIO else _firsts(self._waiting)


def _firsts(tables: list[pa.Table]) -> pa.Table:
    if len(tables) == 1:
        return tables[0]
    options = pc.ScalarAggregateOptions(skip_nulls=True)
    found = pa.concat_tables(tables).group_by("codigo", use_threads=False).aggregate([(c, "first", options) for c in MET_SCHEMA.names[1:]])
    return found.rename_columns(MET_SCHEMA.names).cast(MET_SCHEMA)
