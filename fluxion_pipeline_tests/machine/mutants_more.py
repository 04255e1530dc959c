"""Rules of users' own tables and of the operator's commands broken, each with a short life that it does not survive."""

from __future__ import annotations

from fluxion_pipeline.contracts.outcomes import Mode, SinkName
from fluxion_pipeline.landing import own_tables as landing
from fluxion_pipeline.operations import mode
from fluxion_pipeline.sinks import claim
from fluxion_pipeline.sinks import own_tables as making
from fluxion_pipeline_tests.machine.mutants import Mutant, both, never, sold
from fluxion_pipeline_tests.support.chain_copies import CopiedChain
from fluxion_pipeline_tests.support.own_model import Frame


def frame(rows: str, covers: str | None = None, *, more: int | None = None) -> Frame:
    """Rows of ``mia`` in a few letters: ``Xa1 Yb2``."""
    made = frozenset((x[0], x[1], int(x[2:]), None, more) for x in rows.split())
    return Frame("mia", made, None if covers is None else frozenset(covers))


def shrunk(c: CopiedChain) -> None:
    """Whole tables, of which slices and rows vanish, and slices alone."""
    for given in (frame("Xa1 Yb2 Zc1"), frame("Xa1 Yb1"), frame("", "Y"), frame("Yb1 Xa2", "Y"), frame("Ya2", "YZ"), frame("")):
        c.table(given)
        both(c)


def widened(c: CopiedChain) -> None:
    c.table(frame("Xa1 Yb2"))
    both(c)
    c.declare_more()
    c.table(frame("Xa1", "X", more=1))
    both(c)


def not_mine(c: CopiedChain) -> None:
    """Another home has the sinks; somebody types the command without saying that they shall change hands."""
    for sink in SinkName:
        c.taken_away(sink, None)
    c.initialise(Mode.DUAL, claim=False)


def moved(c: CopiedChain) -> None:
    """Another sink is read from now on."""
    c.run(Mode.DUAL, force=False)
    sold(c, 12, "a1 b1")
    c.run(Mode.DUCKDB, force=False)
    c.run(Mode.POSTGRESQL, force=False)


def retired(c: CopiedChain) -> None:
    c.retire()
    c.status(Mode.DUCKDB)
    c.initialise(Mode.DUAL, claim=False)
    c.status(Mode.DUCKDB)


MUTANTS = {
    "what is gone from a whole table stays": Mutant((landing, "land_rows"), "asked = {*parts, *held}", "asked = set(parts)", shrunk),
    "a table without rows is believed": Mutant((landing, "land_rows"), "if not rows.num_rows and", "if False and", shrunk),
    "a covered slice without rows stays": Mutant((landing, "land_rows"), "for s in sorted(asked)]", "for s in sorted(asked & parts.keys())]", shrunk),
    "rows of slices that are not covered are taken": Mutant((landing, "_covered"), "if outside:", "if False:", shrunk),
    "a column that was added is in no sink": Mutant((making, "_one"), "for name, _ in table.columns[len(before.columns) :]:", "for name, _ in ():", widened),
    "init takes over unasked": Mutant((claim, "claim"), "if not force:", "if False:", not_mine),
    "a sink that is read from now on is read as it is": Mutant((mode, "enter"), "if old.last.primary is not mode.primary and not force:", "if False:", moved),
    "a retired sink is known still": Mutant((mode, "retire"), "if x is not sink", "if True", retired),
    "a sink that comes back stays unknown": Mutant((mode, "know"), None, never, retired),
}
