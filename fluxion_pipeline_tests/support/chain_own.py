"""A chain's users, whose assets compute tables: frames are landed through the program's door and compared with ``own_model``."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest

from fluxion_pipeline.contracts.own_tables import I, N, OwnTable, T, declare
from fluxion_pipeline.errors import ContractError
from fluxion_pipeline.landing.outbox import Outbox
from fluxion_pipeline.landing.own_tables import Rows, land_rows
from fluxion_pipeline_tests.support import landing_lives, own_model
from fluxion_pipeline_tests.support import landing_world as world
from fluxion_pipeline_tests.support.chain_landing import Chain
from fluxion_pipeline_tests.support.landing_lives import Crash
from fluxion_pipeline_tests.support.landing_terms import Reading
from fluxion_pipeline_tests.support.own_model import COLUMNS, FIRST, Frame, Own

KINDS = {"lugar": T, "codigo": T, "n": N, "nota": T, "mas": I}
WRONGS = ("twice", "null", "type", "column", "missing")
"""How a frame breaks its contract."""
POINTS = ("parquet", "manifest", "index")
"""What a crash comes right before."""


def contract(table: str, width: int) -> OwnTable:
    """The first columns of a table as a user declares them."""
    names = COLUMNS[table][:width]
    key = [n for n in ("lugar", "codigo") if n in names]
    return declare(table, columns={n: KINDS[n] for n in names}, key=key, required=["n"], slice_by=["lugar"] if "lugar" in names else None)


def place(table: str) -> str:
    """Whose landing owns it."""
    return f"tabla:{table}"


class OwnChain(Chain):
    """A chain with users."""

    SAVED = (*Chain.SAVED, "own")

    def __init__(self, settings: Any) -> None:
        self.own = {place(t): Own() for t in COLUMNS}
        self.declared = dict(FIRST)
        super().__init__(settings)

    def state(self, where: str) -> Any:
        return self.own[where] if where in self.own else super().state(where)

    def come(self, thing: Reading | Frame) -> None:
        """Whatever comes to be landed."""
        if isinstance(thing, Frame):
            self.table(thing)
        else:
            self.receive(thing)

    def table(self, frame: Frame) -> None:
        """An asset returns a frame: it lands, or is refused and says nothing."""
        width, where = self.declared[frame.table], place(frame.table)
        meant = own_model.land(self.own[where], frame, width)
        if meant is None:
            with pytest.raises(ContractError):
                self._land(frame, width)
        else:
            told = self._land(frame, width)
            new = meant.sequence > self.own[where].sequence
            assert (told.lote_id, told.rows) == (f"{where}-{meant.sequence}" if new else None, len(frame.rows))
            assert told.changed == sum(v == meant.sequence for v, _ in meant.images.values()) * new
            self.own[where] = meant
        self.compare_own(where)

    def _land(self, frame: Frame, width: int) -> Any:
        self.steps += 1
        given = Rows(_frame(frame, width), None if frame.covers is None else sorted(frame.covers), frame.empty)
        return land_rows(self.outbox, contract(frame.table, width), given, "a test")

    def declare_more(self) -> None:
        """The user's code has one more column from now on."""
        self.declared["mia"] = len(COLUMNS["mia"])

    def crash_table(self, frame: Frame, point: str) -> None:
        """The process dies in the middle of a landing; the contract is kept by then, and the lote if its manifest is there."""
        width, where = self.declared[frame.table], place(frame.table)
        before, meant = self.own[where], own_model.land(self.own[where], frame, width)
        if meant is None:
            return
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(*landing_lives.dies_at(point))
            try:
                self._land(frame, width)
            except Crash:
                landed = point == "index"
            else:
                landed = True
        self.outbox = Outbox(self.home).open()
        with self.outbox.lock(where):
            pass
        self.own[where] = meant if landed else Own(before.sequence, width, before.images, before.widths)
        self.compare_own(where)

    def compare_own(self, where: str) -> None:
        """Version and rows of each image."""
        table = where.partition(":")[2]
        told = {}
        for image in self.outbox.index.images(where):
            rows = frozenset(tuple(row.get(n) for n in COLUMNS[table]) for row in world.rows_of(image))
            assert len(rows) == image.rows
            told[image.table, image.slice] = image.version, rows
        assert told == self.own[where].images
        self.note()

    def compare_all(self) -> None:
        super().compare_all()
        for where in self.own:
            self.compare_own(where)

    def restore_outbox(self) -> None:
        """As before; the user's code, which no backup takes back, runs again."""
        super().restore_outbox()
        for where, own in self.own.items():
            if 0 < own.width < self.declared[where.partition(":")[2]]:
                self.table(Frame(where.partition(":")[2], covers=frozenset()))


def _frame(frame: Frame, width: int) -> pd.DataFrame:
    """As pandas has it: rows and columns in any order, numbers as whatever holds them, or something that breaks the contract."""
    draw = random.Random(repr(sorted(map(repr, frame.rows))))
    names = COLUMNS[frame.table][:width]
    rows = [dict(zip(names, row, strict=False)) for row in sorted(frame.rows, key=repr)]
    draw.shuffle(rows)
    for row in rows:
        row["n"] = draw.choice([Decimal(row["n"]), float(row["n"]), int(row["n"])])
    if rows and frame.wrong == "twice":
        rows.append({**rows[0], "n": 9})
    if rows and frame.wrong in ("null", "type"):
        rows[-1]["n"] = None if frame.wrong == "null" else "many"
    given = pd.DataFrame({n: pd.Series([row.get(n) for row in rows], dtype=object) for n in draw.sample(names, len(names))})
    if frame.wrong == "column":
        given["no_such"] = pd.Series([1] * len(rows), dtype=object)
    return given.drop(columns=["n"]) if rows and frame.wrong == "missing" else given
