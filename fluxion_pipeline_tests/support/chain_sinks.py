"""Both sinks of a chain, driven through the program's own doors, and what they must then hold.

``Held`` follows a sink row by row: what a convergence makes equal is spelled out from the models, what a
person edits is read back, a restore takes an older ``Held``. After every step on a sink all of its rows,
its ledger and its attempts are compared with it.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from fluxion_pipeline.contracts.outcomes import SinkName
from fluxion_pipeline.errors import SinkRefused
from fluxion_pipeline.sinks.claim import claim
from fluxion_pipeline.sinks.converge import converge
from fluxion_pipeline.sinks.protocol import Sink
from fluxion_pipeline_tests.support import chain_world
from fluxion_pipeline_tests.support import landing_world as world
from fluxion_pipeline_tests.support.chain_own import OwnChain
from fluxion_pipeline_tests.support.chain_world import Rows, Seen, Slice, Table, text_of

CODES = {chain_world.code_of(place): place for place in chain_world.PLACES}
"""Location's code → its letter in the model; of users' own tables their place."""


@dataclass
class Held:
    """What a sink holds.

    Attributes:
        rows: slice → rows.
        upto: location's code → the lote up to which its ledger says that it holds it.
        names: which lote that is.
        lines: (table, slice's text) → version, rows, of the ledger.
        outbox: whose it is.
        strange: whether another outbox, or a later history of this one, wrote it since this one did.
    """

    rows: Table = field(default_factory=dict)
    upto: dict[str, int] = field(default_factory=dict)
    names: dict[str, int] = field(default_factory=dict)
    lines: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    outbox: str = ""
    strange: bool = False

    def put(self, slice_: Slice, rows: Rows) -> None:
        """A slice is as it must be; a reject is a row of one slice only, wherever a person moved it."""
        if slice_[0] == "rechazos":
            mine = {row[0] for row in rows}
            for other in [s for s in self.rows if s[0] == "rechazos"]:
                self.set(other, Counter({row: n for row, n in self.rows[other].items() if row[0] not in mine}))
        self.set(slice_, rows)

    def set(self, slice_: Slice, rows: Rows) -> None:
        if rows:
            self.rows[slice_] = Counter(rows)
        else:
            self.rows.pop(slice_, None)


class SinkChain(OwnChain):
    """A chain with its sinks; both have just been initialised."""

    def __init__(self, settings: Any) -> None:
        super().__init__(settings)
        self.sinks = {sink: self.first(sink) for sink in SinkName}
        self.copies: dict[SinkName, Held] = {}
        self.asked: dict[SinkName, Table] = {}

    def first(self, sink: SinkName) -> Held:
        """What a sink holds after ``fluxion init``."""
        held = Held(upto={"*": 0}, outbox=self.outbox.id)
        self.heal(held, "*", 1)
        self.compare_sink(held, self.look(sink), sink)
        return held

    def look(self, sink: SinkName) -> Seen:
        return chain_world.look(lambda statements: chain_world.run_on(self.settings, sink, statements), sink)

    # ── what it must be ─────────────────────────────────────────────────────────────────────
    def wanted(self, code: str, upto: int | None = None) -> dict[Slice, tuple[int, Rows]]:
        """Version and rows of each image of a location, as of one of its lotes."""
        letter = CODES[code]
        known = self.past[letter][self.state(letter).sequence if upto is None else upto]
        found = chain_world.meant(known.state.images, letter)
        there = {s: x for s, x in found.items() if s[0] != "rechazos" or x[1] or text_of(s) in known.rejects}
        return {s: (known.coverage[text_of(s)] if s[0] == "cobertura" else v, rows) for s, (v, rows) in there.items()}

    def all_wanted(self) -> dict[Slice, Rows]:
        return {s: rows for code in CODES for s, (_, rows) in self.wanted(code).items()}

    def heal(self, held: Held, code: str, upto: int) -> None:
        """Everything that a location owes, up to one of its lotes."""
        since = held.upto.get(code, 0)
        for slice_, (version, rows) in self.wanted(code, upto).items():
            if version > since:
                held.put(slice_, rows)
                held.lines[slice_[0], text_of(slice_)] = version, sum(rows.values())
        held.upto[code] = upto
        held.names[code] = self.past[CODES[code]][upto].name

    def owes(self, held: Held, code: str) -> bool:
        return any(version > held.upto.get(code, 0) for version, _ in self.wanted(code).values())

    def refused(self, held: Held) -> bool:
        """Whether it belongs to another outbox, is ahead of this one, or holds a lote that this one has otherwise by now."""
        if held.outbox != self.outbox.id or any(v > self.state(CODES[code]).sequence for code, v in held.upto.items()):
            return True
        return any(name != self.past[CODES[code]][held.upto[code]].name for code, name in held.names.items() if held.upto.get(code))

    # ── bringing it up to date ──────────────────────────────────────────────────────────────
    def catch_up(self, sink: SinkName, places: Sequence[str] | None = None, through: Sink | None = None) -> None:
        """Converge: all locations, or some; nothing may be left undone."""
        held = self.sinks[sink]
        chosen = None if places is None else [chain_world.code_of(p) for p in places]
        if self.refused(held):
            with pytest.raises(SinkRefused):
                converge(self.app.sink(sink), self.outbox, chosen)
            self.settle(sink, {})
            return
        report = converge(through or self.app.sink(sink), self.outbox, chosen, force=None)
        assert not report.failures, report.failures
        self.settle(sink, {c: self.newest(sink, c) for c in CODES if chosen is None or c in chosen}, told=True)

    def newest(self, sink: SinkName, code: str) -> set[int]:
        """Where a location's ledger may stand after it was brought up to date: lotes without images may be counted or not."""
        held, newest = self.sinks[sink], self.state(CODES[code]).sequence
        if not self.owes(held, code):
            return {newest, held.upto.get(code, 0)}
        return set(range(max(version for version, _ in self.wanted(code).values()), newest + 1))

    def settle(self, sink: SinkName, allowed: Mapping[str, Collection[int]], *, forced: Iterable[Slice] = (), told: bool = False) -> None:
        """Read a sink and compare it with what it must hold; ``allowed``: where its ledger may stand by now."""
        held, seen = self.sinks[sink], self.look(sink)
        for code in CODES:
            old, new = held.upto.get(code, 0), int(seen.meta.get(f"hasta:{code}", "0"))
            assert new in allowed.get(code, {old}), (sink, code, old, new, allowed)
            if new != old:
                self.heal(held, code, new)
        everything = self.all_wanted() if forced else {}
        for slice_ in forced:
            held.put(slice_, everything.get(slice_, Counter()))
            if slice_ in everything:
                (version, rows) = self.wanted(slice_[1])[slice_]
                held.lines[slice_[0], text_of(slice_)] = version, sum(rows.values())
        self.compare_sink(held, seen, sink)
        if told:
            self.compare_attempts(seen, sink)
            self.compare_stock(seen, sink)

    def compare_sink(self, held: Held, seen: Seen, sink: SinkName) -> None:
        """Every row of every slice, the ledger, and that no key of what is as it must be stands twice."""
        wrong = {s: (held.rows.get(s), seen.rows.get(s)) for s in {*held.rows, *seen.rows} if held.rows.get(s) != seen.rows.get(s)}
        assert not wrong, (sink, "must hold, holds", wrong)
        assert seen.meta["outbox"] == held.outbox
        assert seen.ledger == held.lines, sink
        if not held.strange:
            good = [s for s, rows in self.all_wanted().items() if seen.rows.get(s, Counter()) == rows]
            assert not chain_world.doubled(seen.rows, good), sink

    def compare_attempts(self, seen: Seen, sink: SinkName) -> None:
        """Attempts are told of every coverage line that is as it must be."""
        meant = {k: v for letter in self.past for k, v in chain_world.attempts_of(self.state(letter), letter).items()}
        for slice_, rows in self.all_wanted().items():
            if slice_[0] == "cobertura" and seen.rows.get(slice_) == rows:
                key = slice_[3], slice_[1], slice_[2]
                assert seen.attempts[key] == meant[key], (sink, key)

    def compare_stock(self, seen: Seen, sink: SinkName) -> None:
        """``stock_en`` at each tick, right before it and between it and the next, where the history is as it must be."""
        wanted = self.all_wanted()
        history = [s for s in {*wanted, *seen.rows} if s[0] in ("inventario_historico", "inventario_cortes")]
        if any(seen.rows.get(s, Counter()) != wanted.get(s, Counter()) for s in history):
            return
        places = {p: u for p, u in self.landing.items() if u.ticks}
        held = {s: seen.rows[s] for s in history if s in seen.rows}
        if self.asked.get(sink) == held:
            return  # asked of the very same history before
        self.asked[sink] = held
        moments = sorted({(t, minutes) for u in places.values() for t in u.ticks for minutes in (-1, 0, 30)})
        if not moments:
            return
        parts = [f"SELECT {n}, ubicacion_codigo, almacen_codigo, producto_codigo, stock FROM stock_en({_instant(*moment)})" for n, moment in enumerate(moments)]
        (found,) = chain_world.run_on(self.settings, sink, [" UNION ALL ".join(parts)])
        for n, (tick, minutes) in enumerate(moments):
            told = [row[1:] for row in found if row[0] == n]
            at = tick - 1 if minutes < 0 else tick
            assert len(told) == len(set(told))
            assert set(told) == {row for p, u in places.items() for row in chain_world.stock_at(u, p, at)}, (sink, tick, minutes)

    # ── whose it is ─────────────────────────────────────────────────────────────────────────
    def take_over(self, sink: SinkName) -> None:
        """``fluxion init --claim``: foreign lines count as version 0, rows that this outbox doesn't know stay until a repair."""
        held = self.sinks[sink]
        changed = claim(self.app.sink(sink), self.outbox, force=True)
        assert changed == self.refused(held)
        if changed:
            held.outbox, held.upto, held.names, held.lines = self.outbox.id, {}, {}, {}
        self.settle(sink, {})

    def keep(self, sink: SinkName) -> None:
        """Remember what a sink holds, beside the copy of its database."""
        self.copies[sink] = copy.deepcopy(self.sinks[sink])

    def clean(self, sink: SinkName) -> bool:
        """Whether a sink holds exactly what landing decided."""
        wanted = {s: rows for s, rows in self.all_wanted().items() if rows}
        return wanted == self.sinks[sink].rows

    def contract_rows(self, sink: SinkName, table: str) -> Rows:
        """All rows of a table in a sink."""
        return sum((rows for s, rows in self.sinks[sink].rows.items() if s[0] == table), Counter())


def _instant(tick: int, minutes: int) -> str:
    return f"TIMESTAMPTZ '{world.at(tick).isoformat()}' + INTERVAL '{minutes} minutes'"
