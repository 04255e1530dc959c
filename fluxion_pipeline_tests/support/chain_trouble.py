"""What happens to a chain's sinks: away, crashed at any statement, overtaken, edited, restored, taken by another home.

Each method does it to the real database and says what may have become of it; ``SinkChain.settle`` compares.
"""

from __future__ import annotations

import copy
import shutil
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg2
import pytest

from fluxion_pipeline.contracts.outcomes import Provenance, SinkName, Verdict
from fluxion_pipeline.contracts.tables import CONTRACT_TABLES
from fluxion_pipeline.errors import ConvergenceError, FluxionError, SinkAway
from fluxion_pipeline.landing.outbox import Outbox
from fluxion_pipeline.operations.bring_up import bring_up
from fluxion_pipeline.operations.repair import examine, repair
from fluxion_pipeline.parity import prove as proving
from fluxion_pipeline.parity.report import TableParity
from fluxion_pipeline.sinks.claim import claim
from fluxion_pipeline.sinks.converge import converge
from fluxion_pipeline.sinks.postgresql import connect as connecting
from fluxion_pipeline.sinks.protocol import Sink
from fluxion_pipeline_tests.support import chain_world, hand, interference, star_model
from fluxion_pipeline_tests.support import landing_world as world
from fluxion_pipeline_tests.support.chain_own import place
from fluxion_pipeline_tests.support.chain_sinks import CODES, SinkChain
from fluxion_pipeline_tests.support.chain_world import Rows, text_of
from fluxion_pipeline_tests.support.interference import Nth
from fluxion_pipeline_tests.support.landing_lives import Crash
from fluxion_pipeline_tests.support.landing_terms import Reading
from fluxion_pipeline_tests.support.own_model import Frame

HOWS = ("end", "end after", "lost", "refused", "failed")
"""The process ends before or after a statement, the connection is lost, the statement is refused, the disk is full."""


MENDED = 2
"""Tables that are repaired at the end of a life, of those that a person spoilt."""

NONE: Rows = Counter()


class Watched:
    """A sink with somebody who acts right before its n-th session."""

    def __init__(self, sink: Sink, nth: int, act: Callable[[], None]) -> None:
        self.sink, self.left, self.act = sink, nth, act

    def __getattr__(self, name: str) -> Any:
        if name in ("session", "prepare"):
            self.left -= 1
            if self.left == 0:
                self.act()
        return getattr(self.sink, name)


@contextmanager
def impatient() -> Iterator[None]:
    """PostgreSQL's locks are waited for briefly: whoever holds them is this very thread."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connecting, "_OPTIONS", connecting._OPTIONS.replace("lock_timeout=20s", "lock_timeout=60ms"))
        yield


class TroubledChain(SinkChain):
    """A chain whose sinks live."""

    # ── away and crashed ────────────────────────────────────────────────────────────────────
    def away(self, sink: SinkName) -> None:
        """The file isn't there, or nobody listens: nothing changes, and the outbox still owes it."""
        file = self.settings.duckdb_file
        app = self.app
        if sink is SinkName.DUCKDB:
            file.rename(file.with_suffix(".away"))
        else:
            with socket.create_server(("127.0.0.1", 0)) as server:
                port = server.getsockname()[1]
            app.settings = self.settings.model_copy(update={"postgres_port": port})
        try:
            with pytest.raises(SinkAway):
                bring_up(app, sink)
        finally:
            if sink is SinkName.DUCKDB:
                file.with_suffix(".away").rename(file)
        self.settle(sink, {})

    def crash_sink(self, sink: SinkName, nth: int, how: str) -> None:
        """A write that is broken off at its n-th statement is there whole, or not at all."""
        held = self.sinks[sink]
        if self.refused(held):
            return
        before = {c: held.upto.get(c, 0) for c in CODES}
        counter = Nth(nth, lambda: None, after=how == "end after")
        with interference.at(sink, counter) as opened:
            counter.act = {
                "end": interference.end,
                "end after": interference.end,
                "lost": interference.fail if sink is SinkName.DUCKDB else lambda: self._cut_off(opened[-1]),
                "refused": interference.fail if sink is SinkName.DUCKDB else interference.refuse,
                "failed": interference.fail if sink is SinkName.DUCKDB else interference.full,
            }[how]
            try:
                report = converge(self.app.sink(sink), self.outbox)
            except (Crash, SinkAway, ConvergenceError):
                assert counter.acted
            else:
                assert not report.failures or counter.acted
        self.settle(sink, {c: {before[c], *self.newest(sink, c)} for c in CODES})

    def _cut_off(self, connection: Any) -> None:
        statement = f"SELECT pg_terminate_backend({connection.get_backend_pid()}, 1000)"
        chain_world.run_on(self.settings, SinkName.POSTGRESQL, [statement])

    def bad_lote(self, sink: SinkName, place: str, pick: int) -> None:
        """A file of the outbox that can't be read keeps back its own location, and no other; and not even that where the change lies in a file of its own."""
        held, code = self.sinks[sink], chain_world.code_of(place)
        owed = [i for i in self.outbox.owed(code, held.upto.get(code, 0)) if i.rows]
        if self.refused(held) or not owed:
            return
        image = owed[pick % len(owed)]
        file, spared = image.file, image.table == "inventario_actual" and self.outbox.step(image) is not None
        file.rename(file.with_suffix(".gone"))
        try:
            report = converge(self.app.sink(sink), self.outbox)
        finally:
            file.with_suffix(".gone").rename(file)
        assert set(report.failures) == {code} or (spared and not report.failures), report.failures
        self.settle(sink, {c: self.newest(sink, c) for c in CODES if c not in report.failures})

    # ── others at the same time ─────────────────────────────────────────────────────────────
    def overtaken(self, sink: SinkName, nth: int, thing: Reading | Frame) -> None:
        """Between two of a writer's transactions something lands and another writer brings the sink up to date."""
        if self.refused(self.sinks[sink]):
            return

        def act() -> None:
            self.come(thing)
            assert not converge(self.app.sink(sink), Outbox(self.home).open()).failures

        self.catch_up(sink, through=Watched(self.app.sink(sink), nth, act))  # type: ignore[arg-type]

    def raced(self, nth: int, thing: Reading | Frame) -> None:
        """The same on PostgreSQL within a transaction (0: right before its lock): who comes second waits, or is told that it is overtaken."""
        sink, passed = SinkName.POSTGRESQL, []
        if self.refused(self.sinks[sink]):
            return
        planned = {c: self.newest(sink, c) for c in CODES}

        def act() -> None:
            self.come(thing)
            with suppress(SinkAway):
                assert not converge(self.app.sink(sink), Outbox(self.home).open()).failures
                passed.append(True)

        with impatient(), interference.at(sink, Nth(nth or 1, act, text="" if nth else "pg_advisory_xact_lock")):
            assert not converge(self.app.sink(sink), self.outbox).failures
        newest = {c: self.newest(sink, c) for c in CODES}
        self.settle(sink, newest if passed else {c: {*planned[c], *newest[c]} for c in CODES})

    def meddled(self, nth: int, kind: str, pick: int) -> None:
        """A person edits a row on PostgreSQL that the writer is about to change (0: right before that): the writer notices, or is first."""
        sink = SinkName.POSTGRESQL
        held = self.sinks[sink]
        if self.refused(held):
            return
        target = copy.deepcopy(held)
        for code in CODES:
            self.heal(target, code, self.state(CODES[code]).sequence)
        doomed = [(s, row) for s, rows in sorted(held.rows.items()) for row in sorted(rows - target.rows.get(s, NONE), key=str)]
        if not doomed:
            return
        slice_, row = doomed[pick % len(doomed)]
        hasta = f"SELECT valor FROM fluxion_meta WHERE clave = 'hasta:{slice_[1]}'"
        old = str(held.upto.get(slice_[1], 0))

        def act() -> None:
            with suppress(psycopg2.Error):
                if chain_world.run_on(self.settings, sink, [hasta]) in ([[(old,)]], [[]]):
                    chain_world.run_on(self.settings, sink, hand.edit(kind, slice_[0], [(slice_, row)], 0), write=True)

        with interference.at(sink, Nth(nth or 1, act, text="" if nth else f" {slice_[0]} AS t ")):
            assert not converge(self.app.sink(sink), self.outbox).failures
        self.settle(sink, {c: self.newest(sink, c) for c in CODES})

    # ── by hand, and found ──────────────────────────────────────────────────────────────────
    def examine(self, table: str, mend: bool) -> None:
        """Each sink's differences from its images are found, slice by slice; a repair makes all of them equal."""
        if any(self.refused(held) for held in self.sinks.values()):
            return
        legs = examine(self.app, table)
        wanted = {s: rows for s, rows in self.all_wanted().items() if s[0] == table}
        differing = {}
        for leg in legs:
            held = self.sinks[leg.sink].rows
            differing[leg.sink] = {s for s in {*wanted, *(s for s in held if s[0] == table)} if held.get(s, NONE) != wanted.get(s, NONE)}
            assert set(leg.slices) >= {text_of(s) for s in differing[leg.sink]}, (leg.sink, table)
        told = [(leg.sink.value, table) for leg in legs if leg.to_write]
        if not mend or not told:
            return
        with suppress(FluxionError):  # the proof of a table fails while the other sink still owes it
            repair(self.app, legs)
        self.star = star_model.repaired(self.star, told)
        self.compare_star()
        for leg in legs:
            found = {s for s in {*wanted, *self.sinks[leg.sink].rows} if s[0] == table and text_of(s) in leg.slices}
            owners = {"*", *({s[1] for s in found} & set(CODES))}
            self.settle(leg.sink, {c: {*self.newest(leg.sink, c), self.state(CODES[c]).sequence} for c in owners}, forced=found)

    def prove(self) -> None:
        """Both sinks against each other: equal exactly where their rows are; and what both hold alike, against the lotes."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(proving, "PAUSE", 0.0)
            report = proving.prove(self.settings)
        one, two = (self.sinks[s] for s in SinkName)
        for told in report.tables:
            if told.table not in chain_world.COLUMNS:
                continue
            slices = {s for s in {*one.rows, *two.rows} if s[0] == told.table and one.rows.get(s) != two.rows.get(s)}
            doubled = any(n > 1 for s, rows in one.rows.items() if s[0] == told.table for n in rows.values())
            self._against_lotes(told)
            if not slices and not doubled:
                assert told.verdict is not Verdict.DIFERENTE or told.unlike_lote or told.unlike_own, told
                continue
            assert told.verdict is not Verdict.IGUAL, told
            if one.outbox == two.outbox and any(one.lines.get((s[0], text_of(s))) == two.lines.get((s[0], text_of(s))) for s in slices):
                assert told.verdict is Verdict.DIFERENTE, told

    def _against_lotes(self, told: TableParity) -> None:
        """Slices that both sinks hold alike, by ledger as the newest image: exactly those with other rows are unlike it."""
        one, two = (self.sinks[s] for s in SinkName)
        wanted = {s: image for code in CODES for s, image in self.wanted(code).items() if s[0] == told.table}
        right, wrong = set(), set()
        for slice_, (version, rows) in wanted.items():
            name = told.table, text_of(slice_)
            lines = one.lines.get(name), two.lines.get(name)
            held = one.rows.get(slice_, NONE), two.rows.get(slice_, NONE)
            if held[0] == held[1] and lines[0] == lines[1] and lines[0] is not None and lines[0][0] == version:
                (right if held[0] == rows else wrong).add(name[1])
        assert not told.unlike_lote & right, told
        empty = not any(s[0] == told.table for s in {*one.rows, *two.rows})
        if not (empty or any(held.strange or self.refused(held) for held in (one, two))):
            assert wrong <= told.unlike_lote, told

    # ── other homes ─────────────────────────────────────────────────────────────────────────
    def taken_away(self, sink: SinkName, reading: Reading | None) -> None:
        """A second home takes the sink and, where it has read anything, writes it; what it wrote is not looked into."""
        where = self.home / "second"
        shutil.rmtree(where, ignore_errors=True)
        other = Outbox(where).open()
        claim(self.app.sink(sink), other, force=True)
        if reading is not None:
            real = world.real(reading, provenance=Provenance.ACCEPT)
            with other.lock(real.location) as past:
                other.land(real, past)
            converge(self.app.sink(sink), other)
        held, seen = self.sinks[sink], self.look(sink)
        held.rows, held.lines, held.names, held.outbox, held.strange = seen.rows, seen.ledger, {}, seen.meta["outbox"], True
        held.upto = {k.removeprefix("hasta:"): int(v) for k, v in seen.meta.items() if k.startswith("hasta:")}

    # ── the end ─────────────────────────────────────────────────────────────────────────────
    def finish(self) -> None:
        """Nothing that landed is lost, and both sinks come to hold it, whatever happened to them."""
        self.rebuilt()
        self.compare_waiting()
        for sink in SinkName:
            if self.refused(self.sinks[sink]):
                self.take_over(sink)
            self.catch_up(sink)
        tables = [t for t in (*CONTRACT_TABLES, *chain_world.OWN) if t in chain_world.COLUMNS and self._known(t)]
        wrong = [t for t in tables if not all(self.contract_rows(s, t) == self._right(t) for s in SinkName)]
        turn = self.clock % max(len(wrong), 1)
        wrong = [*wrong[turn:], *wrong[:turn]]
        for table in wrong[:MENDED]:
            self.examine(table, mend=True)
        for sink in SinkName:
            assert all(self.contract_rows(sink, t) == self._right(t) for t in tables if t not in wrong[MENDED:]), sink

    def _known(self, table: str) -> bool:
        """A user's table is known to an outbox in which it landed."""
        return table not in chain_world.OWN or bool(self.own[place(table)].sequence)

    def _right(self, table: str) -> Any:
        return sum((rows for s, rows in self.all_wanted().items() if s[0] == table), NONE)
