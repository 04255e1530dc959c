"""A chain's operator: ``fluxion init [--claim]``, ``fluxion mode retire``, ``fluxion status``, and runs in another mode.

What the commands do is called here, below the command line's own words; each says what must have become of
the sinks, of whom they belong to, and of what the home remembers.
"""

from __future__ import annotations

from typing import Any

import pytest

from fluxion_pipeline.contracts.outcomes import Mode, SinkName
from fluxion_pipeline.errors import PermanentError, SinkRefused
from fluxion_pipeline.operations import mode
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.operations.bring_up import bring_up
from fluxion_pipeline.operations.initialise import initialise
from fluxion_pipeline.operations.status import status
from fluxion_pipeline_tests.support import chain_world, star_model
from fluxion_pipeline_tests.support.chain_sinks import CODES, Held
from fluxion_pipeline_tests.support.chain_trouble import TroubledChain

DUCK, PG = SinkName.DUCKDB, SinkName.POSTGRESQL
WRITES = {Mode.DUCKDB: (DUCK,), Mode.DUAL: (DUCK, PG), Mode.POSTGRESQL: (PG,)}
"""The sinks that a mode writes; the first one is read."""


class CommandedChain(TroubledChain):
    """A chain with somebody at the command line."""

    def __init__(self, settings: Any) -> None:
        super().__init__(settings)
        self.sinks_known = {DUCK, PG}
        self.last: Mode | None = None

    def in_mode(self, wanted: Mode) -> App:
        """The home, as a process of that ``DB_MODE`` sees it."""
        app = self.app
        app.settings = self.settings.model_copy(update={"db_mode": wanted})
        return app

    def initialise(self, wanted: Mode, *, claim: bool) -> None:
        """``fluxion init``: a sink that isn't this home's is refused, or taken over; users' tables are there, and the map."""
        told = initialise(self.in_mode(wanted), take_over=claim)
        self.star, _ = star_model.know(self.star, chain_world.places_of(self.map))
        self.compare_star()
        self.sinks_known |= set(WRITES[wanted])
        assert [x.sink for x in told] == list(WRITES[wanted])
        for step in told:
            held = self.sinks[step.sink]
            refused = self.refused(held)
            if refused and not claim:
                assert isinstance(step.error, SinkRefused)
                self.settle(step.sink, {})
                continue
            assert step.error is None
            assert step.claimed == refused
            if refused:
                self.disown(held)
            self.settle(step.sink, {"*": self.newest(step.sink, "*")})
            there = self.look(step.sink).own
            assert all(there[where.partition(":")[2]] >= own.width for where, own in self.own.items())

    def disown(self, held: Held) -> None:
        """Foreign lines count as version 0."""
        held.outbox, held.upto, held.names, held.lines = self.outbox.id, {}, {}, {}

    def retire(self) -> None:
        """``fluxion mode retire postgresql``, in a mode without it; never of a sink that the mode writes, nor of DuckDB."""
        for wanted, sink in ((Mode.DUAL, PG), (Mode.POSTGRESQL, PG), (Mode.POSTGRESQL, DUCK), (Mode.DUCKDB, DUCK)):
            with pytest.raises(PermanentError):
                mode.retire(self.in_mode(wanted), sink)
        assert mode.retire(self.in_mode(Mode.DUCKDB), PG) == (PG in self.sinks_known)
        self.sinks_known -= {PG}

    def status(self, wanted: Mode) -> None:
        """``fluxion status``: of every known sink what it lacks, or that it isn't this home's."""
        told = {x.sink: x for x in status(self.in_mode(wanted)).sinks}
        assert set(told) == self.sinks_known | set(WRITES[wanted])
        for sink, found in told.items():
            held = self.sinks[sink]
            lacks = sum(version > held.upto.get(code, 0) for code in CODES for version, _ in self.wanted(code).values())
            assert (found.problem is not None) == self.refused(held)
            assert found.active == (sink in WRITES[wanted])
            assert found.pending == (0 if self.refused(held) else lacks), (sink, found, lacks)

    def run(self, wanted: Mode, *, force: bool) -> None:
        """A run in a mode: if another sink is read from now on, that one has everything before anything is read; then each sink is written."""
        app = self.in_mode(wanted)
        first = WRITES[wanted][0]
        moved = self.last is not None and WRITES[self.last][0] is not first and not force
        if moved and self.refused(self.sinks[first]):
            with pytest.raises(SinkRefused):
                mode.enter(app, force=force)
            self.settle(first, {})
            return
        assert mode.enter(app, force=force) == (self.last not in (None, wanted))
        if moved:
            self._caught_up(first)
        for sink in WRITES[wanted]:
            if self.refused(self.sinks[sink]):
                with pytest.raises(SinkRefused):
                    bring_up(app, sink)
                continue
            bring_up(app, sink)
            self.last = wanted
            self._caught_up(sink)
        assert (mode.state(app).last, set(mode.state(app).known)) == (self.last, self.sinks_known)

    def _caught_up(self, sink: SinkName) -> None:
        """A sink owes nothing: its ledger stands at the newest lote, or at the newest that has images."""
        self.settle(sink, {c: self.newest(sink, c) for c in CODES}, told=True)

    def examine(self, table: str, mend: bool) -> None:
        """As before; a user's table has to be there, of the width that landed."""
        if table in chain_world.OWN:
            if not self.own[f"tabla:{table}"].width or any(self.refused(held) for held in self.sinks.values()):
                return
            self.initialise(Mode.DUAL, claim=False)
        super().examine(table, mend)
        self.last = mode.state(self.app).last  # a repair writes, where anything is to be repaired
