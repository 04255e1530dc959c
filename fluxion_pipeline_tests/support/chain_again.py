"""Where rules meet: what a person has just spoilt, or is about to, is read again almost as it was.

At random this is rare: a slice is edited, and the next lote of that very slice says the same of that row.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

import duckdb
import psycopg2

from fluxion_pipeline.contracts.outcomes import SinkName
from fluxion_pipeline_tests.support import chain_world, hand
from fluxion_pipeline_tests.support import landing_world as world
from fluxion_pipeline_tests.support.chain_command import CommandedChain
from fluxion_pipeline_tests.support.chain_sinks import CODES
from fluxion_pipeline_tests.support.chain_world import Slice
from fluxion_pipeline_tests.support.landing_terms import Line, Reading, Reject
from fluxion_pipeline_tests.support.own_model import Frame

NEW = "f"
"""A key that no other reading has."""


class AgainChain(CommandedChain):
    """A chain in which things come back."""

    def edit(self, sink: SinkName, table: str, kind: str, pick: int) -> Slice | None:
        """A person edits a sink; what an engine refuses isn't done. The slice of the row."""
        rows = [(s, row) for s, found in sorted(self.sinks[sink].rows.items()) if s[0] == table for row in sorted(found, key=str)]
        statements = hand.edit(kind, table, rows, pick)
        if not statements:
            return None
        with suppress(psycopg2.Error, duckdb.Error):
            chain_world.run_on(self.settings, sink, statements, write=True)
        self.sinks[sink].rows = self.look(sink).rows
        return rows[pick % len(rows)][0]

    def spoil(self, sinks: Sequence[SinkName], table: str, kind: str, pick: int, twist: int) -> None:
        """A person edits sinks that are up to date; then the slice is read again and brought up to date."""
        sinks = [sink for sink in sinks if not self.refused(self.sinks[sink])]
        things = []
        for sink in sinks:
            self.catch_up(sink)
            slice_ = self.edit(sink, table, kind, pick)
            things.append(self.again(slice_, 3 if table == "rechazos" else twist) if slice_ is not None else None)
        if things and things[-1] is not None:
            self.come(things[-1])
            for sink in sinks:
                self.catch_up(sink)

    def again(self, slice_: Slice, twist: int) -> Reading | Frame | None:
        """What lands the slice anew: as it stands, but for one row more, or one changed, or one gone, or one more rejected."""
        table, code, cut, of = slice_
        if table in chain_world.OWN:
            return self._frame_again(table, cut, twist)
        place, sales = CODES.get(code, "*"), "ventas" in (table, of)
        u = self.landing.get(place)
        if u is None:
            return None  # what another home wrote, of a location of which nothing landed in this one
        states = u.days if sales else u.ticks
        at = world.cut_of(cut) if cut else max(states, default=-1)
        if at not in states:
            return None
        name = "ventas" if sales else "stock", at
        rejects = u.rejects.get(name, frozenset())
        lines = {k: h.line for k, h in states[at].items() if all(x.key != k for x in rejects)}
        first = min(lines, default=NEW)
        if twist == 1 and lines:
            lines[first] = replace(lines[first], value=lines[first].value + 1)
        elif twist == 2 and lines:
            del lines[first]
        elif twist == 3 and NEW not in lines:
            rejects |= {Reject(f"{NEW}@again", NEW, None)}
        else:
            lines[NEW] = Line(NEW, twist, 10 * at if sales else 0)
            rejects = frozenset(x for x in rejects if x.key != NEW)
        self.clock += 1
        return Reading(*name, self.clock, frozenset(lines.values()), rejects, provenance="accept", place=place)

    def _frame_again(self, table: str, cut: str, twist: int) -> Frame | None:
        """The same of a user's table: of one slice, where it has any."""
        images = self.own[f"tabla:{table}"].images
        if (table, cut) not in images:
            return None
        rows = sorted(images[table, cut][1], key=repr)
        key = (cut, NEW) if table == "mia" else (NEW,)
        last = rows[-1] if rows else None
        if twist == 1 and last is not None:
            rows[-1] = (*last[: len(key)], last[len(key)] + 1, *last[len(key) + 1 :])
        elif twist == 2 and last is not None:
            rows.pop()
        else:
            rows = [row for row in rows if row[: len(key)] != key] + [(*key, twist, None, None)[: len(chain_world.COLUMNS[table])]]
        return Frame(table, frozenset(rows), frozenset({cut}) if table == "mia" else None, empty=True)
