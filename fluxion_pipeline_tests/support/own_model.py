"""The rules of users' own tables as an executable model, beside ``landing_model``: what each slice must be after a frame.

A frame is the whole table, or some slices of it; what it says of them is what they are. Nothing is
suspected, carried or compared with a clock, but a whole table without rows. Shares nothing with the code.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

COLUMNS = {"mia": ("lugar", "codigo", "n", "nota", "mas"), "entera": ("codigo", "n", "nota")}
"""``mia`` is sliced by ``lugar``; ``mas`` is a column that its contract gets later. ``entera`` has no slices."""

FIRST = {"mia": 4, "entera": 3}
"""Columns of the contract that is declared first."""

Row = tuple[Any, ...]
Name = tuple[str, str]


@dataclass(frozen=True)
class Frame:
    """What a user's asset returns.

    Attributes:
        table: of which table.
        rows: its rows, all columns; what the contract hasn't yet is left out.
        covers: the slices that it speaks of; None: the whole table.
        empty: that it has no rows is meant.
        wrong: how it breaks the contract; "": it doesn't.
    """

    table: str
    rows: frozenset[Row] = frozenset()
    covers: frozenset[str] | None = None
    empty: bool = False
    wrong: str = ""

    @property
    def breaks(self) -> bool:
        """Whether the contract is broken: most ways need a row for it."""
        return bool(self.wrong) and (bool(self.rows) or self.wrong == "column")


@dataclass(frozen=True)
class Own:
    """What landing knows of a table.

    Attributes:
        sequence: number of its newest lote.
        width: columns of its contract; 0: it never landed.
        images: (table, slice) → version, rows.
        widths: columns that each image was made with.
    """

    sequence: int = 0
    width: int = 0
    images: dict[Name, tuple[int, frozenset[Row]]] = field(default_factory=dict)
    widths: dict[Name, int] = field(default_factory=dict)


def slice_of(table: str, row: Row) -> str:
    """The slice in which a row lies."""
    return str(row[0]) if table == "mia" else "*"


def land(own: Own, frame: Frame, width: int) -> Own | None:
    """The table after a frame, made by a contract of so many columns; None: it is refused, and nothing changes."""
    there = {slice_of(frame.table, row) for row in frame.rows}
    had = any(rows for _, rows in own.images.values())
    if frame.breaks or width < own.width:
        return None
    if frame.covers is None:
        if had and not frame.rows and not frame.empty:
            return None
        asked = there | {s for _, s in own.images} | ({"*"} if frame.table == "entera" else set())
    elif frame.table == "entera" or there - frame.covers:
        return None
    else:
        asked = set(frame.covers)
    changed = {}
    for name in ((frame.table, s) for s in asked):
        rows = frozenset(_padded(row[:width], frame.table) for row in frame.rows if slice_of(frame.table, row) == name[1])
        if name not in own.images or own.images[name][1] != rows or (rows and own.widths[name] != width):
            changed[name] = own.sequence + 1, rows
    sequence = own.sequence + bool(changed)
    return replace(own, sequence=sequence, width=width, images=own.images | changed, widths=own.widths | dict.fromkeys(changed, width))


def _padded(row: Row, table: str) -> Row:
    return (*row, *[None] * (len(COLUMNS[table]) - len(row)))
