"""Each rule of the sinks, the dimensions and the quarantine broken once, and a short life that it does not survive.

What is done with them is in ``test_mutants``; rules of users' tables and of commands are in ``mutants_more``.
The rules of landing have theirs in ``landing/test_mutants.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from fluxion_pipeline.contracts.outcomes import SinkName
from fluxion_pipeline.landing.decide import dimensions
from fluxion_pipeline.landing.quarantine import Quarantine
from fluxion_pipeline.operations import replay
from fluxion_pipeline.sinks import attempts, changes, claim, converge, slices, transaction
from fluxion_pipeline.sinks.duckdb.session import DuckDBSession
from fluxion_pipeline.sinks.postgresql import seals
from fluxion_pipeline.sinks.postgresql.session import PostgreSQLSession
from fluxion_pipeline.sinks.postgresql.sink import PostgreSQLSink
from fluxion_pipeline_tests.support.chain_copies import CopiedChain
from fluxion_pipeline_tests.support.landing_words import said
from fluxion_pipeline_tests.support.star_model import Catalogue

DUCK, PG = SinkName.DUCKDB, SinkName.POSTGRESQL
Life = Callable[[CopiedChain], None]


class Mutant(NamedTuple):
    """Where a rule is, its text, what stands there instead (all of the function, where there is no text), and the life."""

    where: tuple[Any, str]
    text: str | None
    broken: Any
    life: Life


def both(c: CopiedChain) -> None:
    for sink in SinkName:
        c.catch_up(sink)


def sold(c: CopiedChain, read_at: int, lines: str, wrong: str = "", **more: Any) -> None:
    c.receive(said("ventas", 0, read_at, lines, wrong, **more))


def moved(c: CopiedChain) -> None:
    sold(c, 12, "a1 b1")
    both(c)
    c.receive(said("ventas", 1, 22, "a2"))
    both(c)


def edited(kind: str, table: str = "ventas", *sinks: SinkName) -> Life:
    """A row is edited; then comes a lote of its slice that says the same of that row."""

    def life(c: CopiedChain) -> None:
        sold(c, 12, "a1 b1 c1", "d")
        c.receive(said("stock", 3, 12, "a1 b1 c1"))
        both(c)
        for sink in sinks or SinkName:
            c.edit(sink, table, kind, 0)
        sold(c, 13, "a1 b1 c2", "e")
        c.receive(said("stock", 3, 13, "a1 b1 c2"))
        both(c)

    return life


def reject_moved(c: CopiedChain) -> None:
    """A person moves a rejected row to another day; it is rejected again, with another one."""
    sold(c, 12, "a1 b1 c1", "d")
    both(c)
    for sink in SinkName:
        c.edit(sink, "rechazos", "move", 0)
    sold(c, 13, "a1 b1 c1", "d e")
    both(c)


def at_each(first: int, last: int, do: Callable[[CopiedChain, int, int], None], *, step: int = 1) -> Life:
    """Once for each statement, with something owed each time: ``do`` is given the statement and the clock."""

    def life(c: CopiedChain) -> None:
        sold(c, 12, "a1 b1 c1")
        both(c)
        for round_, nth in enumerate(range(first, last, step)):
            sold(c, 13 + 3 * round_, f"a{2 + round_ % 2} b{2 + round_ % 2} d1")
            do(c, nth, 14 + 3 * round_)
            both(c)

    return life


def overtaken(c: CopiedChain) -> None:
    sold(c, 12, "a1 b1")
    for sink, hour in ((DUCK, 13), (PG, 14)):
        c.overtaken(sink, 4, said("ventas", 0, hour, f"a{hour - 10} c1"))


def taken_away(c: CopiedChain) -> None:
    sold(c, 12, "a1 b1")
    both(c)
    for sink in SinkName:
        c.taken_away(sink, said("ventas", 0, 99, "c3"))
        c.catch_up(sink)
        c.take_over(sink)
    both(c)


def claimed(c: CopiedChain) -> None:
    """Another home has claimed the sinks, and written nothing yet."""
    for sink in SinkName:
        c.taken_away(sink, None)
        c.catch_up(sink)


def restored(again: str) -> Life:
    """The outbox as it was before a lote that the sinks have; then another lote of that number, or none."""

    def life(c: CopiedChain) -> None:
        sold(c, 12, "a1 b1")
        both(c)
        c.save_outbox()
        sold(c, 13, "a2 b1")
        both(c)
        c.restore_outbox()
        if again:
            sold(c, 14, again)
        both(c)

    return life


def bad_lote(c: CopiedChain) -> None:
    for place in "AB":
        sold(c, 12, "a1 b1" if place == "A" else "c1", place=place)
    for sink in SinkName:
        c.bad_lote(sink, "A", 0)


def attempted(c: CopiedChain) -> None:
    sold(c, 12, "a1")
    both(c)
    sold(c, 13, "a1")
    both(c)


def attempted_before(c: CopiedChain) -> None:
    sold(c, 12, "a1", place="B")
    sold(c, 12, "b1")
    sold(c, 13, "b1")
    c.catch_up(DUCK, ["B"])
    c.catch_up(PG, ["B"])
    both(c)


def catalogues(c: CopiedChain) -> None:
    c.catalogue(Catalogue(5, frozenset({("0001", 1), ("000y", 1)})))
    sold(c, 12, "a1")
    c.receive(said("stock", 3, 12, "a1"))
    c.catalogue(Catalogue(12, frozenset({("000a", 1)})))
    c.receive(said("stock", 6, 12, "b1"))
    c.end_of_run()
    both(c)
    c.catalogue(Catalogue(13, frozenset({("000a", 2)})))
    both(c)


def quarantined(c: CopiedChain) -> None:
    for hour in (12, 14):
        c.receive(said("ventas", 0, hour, f"a1 b{hour - 11}", place="C"))
        c.receive(said("ventas", 0, hour, f"a1 b{hour - 11}", place="C"))
    c.receive(said("stock", 3, 15, "a1", place="C"))
    c.replay()
    c.correct_map(True, 1)
    c.replay()
    c.replay()
    both(c)


def never(*_a: Any, **_m: Any) -> None:
    return None


PASSED = 'failpoints.passed(f"{sink.name}.locked")'
LOCK_FIRST = f"session.lock([o.location for o in owed])\n        {PASSED}\n        meta = session.meta()"
FOUND = "WHERE h.{first} IS NULL OR i.{first} IS NULL OR {differs}"
MUTANTS = {
    "rows are committed before their ledger": Mutant(
        (transaction, "_written"),
        "places = tuple(",
        "places = session.commit() or tuple(",
        at_each(10, 40, lambda c, n, _: c.crash_sink(PG, n, "end"), step=4),
    ),
    "an older image goes over a newer one": Mutant(
        (transaction, "_apply"), "if any(held_upto(meta, o.location) > o.upto for o in owed):", "if False:", overtaken
    ),
    "the ledger is read before the lock": Mutant(
        (transaction, "_apply"),
        LOCK_FIRST,
        "meta = session.meta()\n        session.lock([o.location for o in owed])",
        at_each(0, 2, lambda c, n, clock: c.raced(n, said("ventas", 0, clock, f"a{clock % 7} c1"))),
    ),
    "a sink is as far as the outbox, not as what was written": Mutant(
        (transaction, "_apply"),
        "str(o.upto)",
        "str(outbox.index.sequence(o.location))",
        at_each(10, 30, lambda c, n, clock: c.raced(n, said("ventas", 0, clock, f"a{clock % 7} c1")), step=3),
    ),
    "keys that moved stay where they were": Mutant((changes, "find"), FOUND, "WHERE h.{first} IS NULL OR ({differs}) AND i.{first} IS NOT NULL", moved),
    "changed rows are left as they are": Mutant((changes, "find"), FOUND, "WHERE h.{first} IS NULL OR i.{first} IS NULL", edited("touch")),
    "NULL differs from nothing": Mutant((changes, "find"), "IS DISTINCT FROM", "<>", edited("null")),
    "rows that stand twice are one row": Mutant((changes, "find"), "if held - deletes == wanted - inserts:", "if True:", edited("double", "ventas", DUCK)),
    "displaced rows are applied": Mutant((changes, "image_relation"), '"AND NOT r._desplazada"', '""', moved),
    "counts are not verified": Mutant(
        (PostgreSQLSession, "_write"),
        "if (deleted, updated, inserted) != (plan.deletes, plan.updates, plan.inserts):",
        "if False:",
        at_each(0, 2, lambda c, n, _: c.meddled(n, "drop", 0)),
    ),
    "a seal holds whoever edits": Mutant(
        (seals, "untouched"), "AND count(*) FILTER (WHERE age(t._hecha) <= s.edad AND t._hecha <> s.propia) = 0", "", edited("change", "ventas", PG)
    ),
    "a seal holds whatever is gone": Mutant((seals, "untouched"), "HAVING coalesce(sum(t._filas), 0) = s.filas AND", "HAVING", edited("drop", "ventas", PG)),
    "a reject that was moved keeps its image out": Mutant((slices, "strays_possible"), None, lambda _table: False, reject_moved),
    "a row beside the minute is of no tick": Mutant(
        (slices, "match"), "{mine} >= {theirs} AND {mine} < {theirs} + INTERVAL '1 minute'", "{mine} = {theirs}", edited("move", "inventario_historico")
    ),
    "no partitions are made": Mutant((PostgreSQLSink, "prepare"), None, never, moved),
    "the ledger has no lines": Mutant((DuckDBSession, "remember"), None, never, moved),
    "a bad lote holds up every location": Mutant((converge, "_one_by_one"), "done.failures[place] = str(error)", "raise", bad_lote),
    "attempts that land nothing are not told": Mutant((converge, "tell"), None, never, attempted),
    "attempts of a line that is new are not told": Mutant((attempts, "lines_of"), None, lambda _outbox, _images: [], attempted_before),
    "a sink of another home is written": Mutant((claim, "check_claim"), "if claimed != outbox.id:", "if False:", claimed),
    "foreign lines are believed": Mutant((PostgreSQLSession, "forget"), None, never, taken_away),
    "a sink that is ahead is written": Mutant((claim, "ahead"), None, lambda _outbox, _meta: [], restored("")),
    "a lote is known by its number alone": Mutant((claim, "check_line"), None, never, restored("a1 c1")),
    "a catalogue deletes": Mutant((dimensions, "_updated"), "UNION ALL SELECT {names} FROM before ANTI JOIN fresh USING (codigo)", "", catalogues),
    "a product that was met goes over the catalogue's": Mutant((dimensions, "with_met"), "if code not in known", "if True", catalogues),
    "products that facts met are nobody's": Mutant((dimensions, "with_met"), None, lambda before, _met: before, catalogues),
    "what was replayed waits still": Mutant((Quarantine, "done"), None, never, quarantined),
    "what is replayed was read now": Mutant((replay, "_read"), "instant(entry.taken_at)", "app.clock()", quarantined),
    "a piece is put aside each time it is met": Mutant(
        (Quarantine, "_keep"), "if note.exists():\n        return None", "note = folder / f'{name}.{at.hour}.json'", quarantined
    ),
}
