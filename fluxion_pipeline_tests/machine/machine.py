"""The machine: landing, a DuckDB file, a PostgreSQL server and parity against the models, in any order.

A failing life is shrunk, printed as the calls that lead to it, and with a line that lives it again.
"""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from typing import Any
from unittest import SkipTest

from hypothesis import HealthCheck, Phase, reproduce_failure, settings
from hypothesis import strategies as st
from hypothesis.errors import StopTest
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from fluxion_pipeline.contracts.outcomes import Mode, SinkName
from fluxion_pipeline_tests.machine.draws import CATALOGUES, LATER, MODES, NTH, OFTEN, OUT_OF_SIGHT, SINKS, SOME, SPOILT, frames, owed, readings
from fluxion_pipeline_tests.support import hand, landing_lives
from fluxion_pipeline_tests.support.chain_copies import CopiedChain, Start
from fluxion_pipeline_tests.support.chain_own import POINTS
from fluxion_pipeline_tests.support.chain_trouble import HOWS
from fluxion_pipeline_tests.support.landing_terms import Line, Reading
from fluxion_pipeline_tests.support.own_model import Frame
from fluxion_pipeline_tests.support.star_model import Catalogue

A_LIFE = 80
"""Steps of a life, at most."""


@dataclass
class Lived:
    """Counts the steps of all lives, and tells of them every two minutes.

    Attributes:
        enough: no other life begins once so many steps were lived.
        failed: whether a life has failed; those that shrink it all begin.
    """

    enough: int
    failed: bool = False
    steps: int = 0
    since: float = field(default_factory=time.monotonic)
    told: int = 0

    def step(self) -> None:
        self.steps += 1
        minutes = (time.monotonic() - self.since) / 60
        if minutes >= self.told + 2:
            self.told = int(minutes)
            print(f"\n{self.steps} steps lived in {self.told} min", end="", flush=True)


class Machine(RuleBasedStateMachine):
    """Rules are what a chain lives through; each compares what became of it."""

    beginning: Start
    lived: Lived

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.chain: CopiedChain = self.stack.enter_context(self.beginning.life())
        self.born = False

    @initialize(connections=st.sampled_from(["kept"] * 7 + ["plain"]))
    def begins(self, connections: str) -> None:
        """In most lives connections are kept open; in some each is opened anew."""
        self.chain.keep_connections(plain=connections == "plain")

    @invariant()
    def lives(self) -> None:
        """Called when a life has begun, and after each step of it."""
        self.lived.step() if self.born else None
        self.born = True

    def teardown(self) -> None:
        ended_by = sys.exc_info()[0]
        self.lived.failed |= ended_by not in (None, StopTest)
        try:
            if ended_by is None:
                self.chain.finish()
        except BaseException:
            self.lived.failed = True
            raise
        finally:
            self.stack.close()
        if ended_by is None and not self.lived.failed and self.lived.steps >= self.lived.enough:
            raise SkipTest  # Hypothesis begins no other life

    def at(self, thing: Any, later: int) -> Any:
        """The clock goes on; or something comes that was read long ago."""
        if isinstance(thing, Frame):
            return thing
        if not later:
            return replace(thing, read_at=self.chain.clock // 2)
        self.chain.clock += later
        return replace(thing, read_at=self.chain.clock)

    # ── landing ─────────────────────────────────────────────────────────────────────────────
    @rule(reading=readings(), later=LATER)
    def reads(self, reading: Reading, later: int) -> None:
        self.chain.receive(self.at(reading, later))

    @rule(reading=readings("A"), later=st.integers(1, 3))
    def reads_of_one(self, reading: Reading, later: int) -> None:
        self.chain.receive(self.at(reading, later))

    @rule(what=st.sampled_from(landing_lives.AGAIN), pick=st.integers(0, 9))
    def reads_again(self, what: str, pick: int) -> None:
        self.chain.step(what, pick)
        self.chain.clock = max([self.chain.clock, *(r.read_at for r in self.chain.readings)])

    @rule(reading=readings("A"), later=st.integers(1, 3))
    def repairs_from_a_sink(self, reading: Reading, later: int) -> None:
        self.chain.repair(self.at(reading, later))

    @rule(reading=readings("AB"), later=LATER, point=st.sampled_from(landing_lives.POINTS))
    def crashes_in_landing(self, reading: Reading, later: int, point: str) -> None:
        self.chain.crash(self.at(reading, later), point)

    @rule(what=st.integers(0, 2))
    def loses_indexes(self, what: int) -> None:
        self.chain.lose(what)

    @rule(catalogue=CATALOGUES, later=LATER)
    def reads_the_catalogue(self, catalogue: Catalogue, later: int) -> None:
        self.chain.catalogue(self.at(catalogue, later))

    @rule()
    def ends_a_run(self) -> None:
        self.chain.end_of_run()

    @rule(known=st.booleans(), renamed=st.integers(0, 2))
    def corrects_the_map(self, known: bool, renamed: int) -> None:
        self.chain.correct_map(known, renamed)

    @rule(reading=readings("C"), later=LATER)
    def reads_of_a_late_location(self, reading: Reading, later: int) -> None:
        self.chain.receive(self.at(reading, later))

    @rule()
    def replays(self) -> None:
        self.chain.replay()

    # ── users' own tables ───────────────────────────────────────────────────────────────────
    @rule(frame=frames())
    def lands_a_table(self, frame: Frame) -> None:
        self.chain.table(frame)

    @rule(frame=frames(), point=st.sampled_from(POINTS))
    def crashes_in_a_table(self, frame: Frame, point: str) -> None:
        self.chain.crash_table(frame, point)

    @rule()
    def declares_a_column_more(self) -> None:
        self.chain.declare_more()

    # ── the outbox ──────────────────────────────────────────────────────────────────────────
    @rule()
    def saves_the_outbox(self) -> None:
        self.chain.save_outbox()

    @precondition(lambda self: self.chain.saved)
    @rule()
    def restores_the_outbox(self) -> None:
        self.chain.restore_outbox()

    # ── sinks ───────────────────────────────────────────────────────────────────────────────
    @rule(sink=SINKS, places=st.sampled_from([None, None, None, ["A"], ["B", "*"], ["A", "tabla:mia"]]))
    def catches_up(self, sink: SinkName, places: list[str] | None) -> None:
        self.chain.catch_up(sink, places)

    @rule(sink=SINKS)
    def is_away(self, sink: SinkName) -> None:
        self.chain.away(sink)

    @rule(owed=owed(), sink=SINKS, nth=NTH, how=st.sampled_from(HOWS))
    def crashes_in_a_sink(self, owed: Reading | Frame, sink: SinkName, nth: int, how: str) -> None:
        self.chain.come(self.at(owed, 1))
        self.chain.crash_sink(sink, nth, how)

    @rule(sink=SINKS, place=st.sampled_from(["A", "B", "*", "tabla:mia"]), pick=st.integers(0, 3))
    def has_a_bad_lote(self, sink: SinkName, place: str, pick: int) -> None:
        self.chain.bad_lote(sink, place, pick)

    @rule(sink=SINKS, nth=st.integers(1, 6), then=owed(), later=LATER)
    def is_overtaken(self, sink: SinkName, nth: int, then: Reading | Frame, later: int) -> None:
        self.chain.overtaken(sink, nth, self.at(then, later))

    @rule(owed=owed(), nth=st.just(0) | st.integers(0, 25), then=owed(), later=LATER)
    def is_raced(self, owed: Reading | Frame, nth: int, then: Reading | Frame, later: int) -> None:
        self.chain.come(self.at(owed, 1))
        self.chain.raced(nth, self.at(then, later))

    @rule(owed=owed(), nth=st.just(0) | NTH, kind=st.sampled_from(["drop", "drop", "change"]), pick=st.integers(0, 5))
    def is_meddled_with(self, owed: Reading | Frame, nth: int, kind: str, pick: int) -> None:
        self.chain.come(self.at(owed, 1))
        self.chain.meddled(nth, kind, pick)

    @rule(sink=SINKS, table=st.sampled_from([*hand.CHANGES, *OFTEN, *OFTEN, *OFTEN]), kind=st.sampled_from(hand.EDITS), pick=st.integers(0, 9))
    def is_edited(self, sink: SinkName, table: str, kind: str, pick: int) -> None:
        self.chain.edit(sink, table, kind, pick)

    @rule(sinks=SOME, table=st.sampled_from(SPOILT), kind=st.sampled_from(hand.EDITS), pick=st.integers(0, 9), twist=st.integers(0, 3))
    def is_spoilt_and_told_again(self, sinks: list[SinkName], table: str, kind: str, pick: int, twist: int) -> None:
        self.chain.spoil(sinks, table, kind, pick, twist)

    @rule(table=st.sampled_from(SPOILT), kind=st.sampled_from(["drop", "double", "move", "move"]), pick=st.integers(0, 9), twist=st.integers(0, 3))
    def are_spoilt_and_told_again(self, table: str, kind: str, pick: int, twist: int) -> None:
        self.chain.spoil(list(SinkName), table, kind, pick, twist)

    @rule(reading=readings("A"), edit=st.sampled_from(OUT_OF_SIGHT), pick=st.integers(0, 9), twist=st.integers(0, 3))
    def lose_a_row_and_are_told_again(self, reading: Reading, edit: tuple[str, str], pick: int, twist: int) -> None:
        self.chain.come(self.at(reading, 1))
        self.chain.spoil(list(SinkName), *edit, pick, twist)

    @rule(table=st.sampled_from(list(hand.CHANGES)), mend=st.booleans())
    def is_examined(self, table: str, mend: bool) -> None:
        self.chain.examine(table, mend)

    @rule()
    def is_proven(self) -> None:
        self.chain.prove()

    @rule(sink=SINKS)
    def is_backed_up(self, sink: SinkName) -> None:
        self.chain.back_up(sink)

    @precondition(lambda self: self.chain.copies)
    @rule(sink=SINKS, dump=st.booleans())
    def is_restored(self, sink: SinkName, dump: bool) -> None:
        self.chain.restore(sink, dump)

    @rule(sink=SINKS, key=st.sampled_from(["a", "b", "c", ""]))
    def is_taken_away(self, sink: SinkName, key: str) -> None:
        self.chain.taken_away(sink, Reading("ventas", 0, 99, frozenset({Line(key, 3, 1)})) if key else None)

    # ── by command ──────────────────────────────────────────────────────────────────────────
    @rule(mode=MODES, claim=st.booleans())
    def is_initialised(self, mode: Mode, claim: bool) -> None:
        self.chain.initialise(mode, claim=claim)

    @rule()
    def is_retired(self) -> None:
        self.chain.retire()

    @rule(mode=MODES)
    def is_asked_for_its_status(self, mode: Mode) -> None:
        self.chain.status(mode)

    @rule(mode=MODES, force=st.sampled_from([False, False, True]))
    def is_run(self, mode: Mode, force: bool) -> None:
        self.chain.run(mode, force=force)


def live(beginning: Start, steps: int, *, shrink: bool = True, again: str = "", lived: Lived | None = None, alike: bool = False) -> int:
    """Live at least so many steps, or one life again (``version blob``, as a failure printed it); the steps that were lived.

    With ``alike`` the lives are those of each other time: a change is then judged by itself, not by its luck.
    """
    lived = lived or Lived(steps)
    machine = type("ChainMachine", (Machine,), {"beginning": beginning, "lived": lived})
    if again:
        version, _, blob = again.partition(" ")
        machine = reproduce_failure(version, blob.encode())(machine)
    how = settings(
        max_examples=steps,
        stateful_step_count=A_LIFE,
        deadline=None,
        database=None,
        derandomize=alike,
        phases=[Phase.generate, *([Phase.shrink] if shrink else [])],
        print_blob=True,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    with suppress(SkipTest):
        run_state_machine_as_test(machine, settings=how)  # type: ignore[no-untyped-call]
    return lived.steps
