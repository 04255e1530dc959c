"""A test of the tests: each rule of landing broken once, and a short life that the broken outbox does not survive."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from fluxion_pipeline.contracts.outcomes import GOOD
from fluxion_pipeline.landing import journal, measure
from fluxion_pipeline.landing import outbox as boxes
from fluxion_pipeline.landing.decide import history, merge, outcome, reading, sales, stock
from fluxion_pipeline.landing.index import Index, stamp
from fluxion_pipeline.landing.keys import KeyIndex
from fluxion_pipeline.landing.past import Past
from fluxion_pipeline_tests.landing.mutant import Mutant, lived, never
from fluxion_pipeline_tests.landing.mutants_twins import TWINS
from fluxion_pipeline_tests.support.landing_lives import Life, Step
from fluxion_pipeline_tests.support.landing_terms import Reading, Reject
from fluxion_pipeline_tests.support.landing_twins import FOUR
from fluxion_pipeline_tests.support.landing_words import lines, said


def with_(original: Callable[..., Any], **changes: Any) -> Callable[..., Any]:
    """The original with some arguments always the same."""
    return lambda *a, **m: original(*a, **{**m, **changes})


def all_touched(r: Any, rows: pa.Table, column: str = "fecha_venta") -> pa.ChunkedArray:
    return pc.is_valid(rows.column(merge.ROW_KEYS[r.fact][0]) if "id" not in rows.schema.names else rows.column("id"))


def only_answered(r: Any, rows: pa.Table, column: str = "fecha_venta", touched: Callable[..., Any] = merge.touched) -> pa.ChunkedArray:
    return pc.invert(all_touched(r, rows)) if r.window else touched(r, rows, column)


def not_carried(before: pa.Table, r: Any, kept: Callable[..., Any] = merge._kept) -> tuple[pa.Table, pa.Table]:
    return kept(before, r)[0], before.slice(0, 0)


def only_readable(before: pa.Table, r: Any, kept: Callable[..., Any] = merge._kept) -> tuple[pa.Table, pa.Table]:
    rejects = r.rejects.filter(pc.is_valid(r.rejects.column("clave")))
    return tuple(kept(before, replace(r, rejects=rejects)))


def oldest_owns(states: dict[str, pa.Table], keys: pa.Table, owners: Callable[..., pa.Table] = sales._owners) -> pa.Table:
    far = pa.scalar(4 * 10**18)
    turned = {}
    for day, state in states.items():
        place = state.schema.get_field_index("_leido_en")
        negative = pc.subtract(far, pc.multiply(state.column("_leido_en").cast(pa.int64()), pa.scalar(1)))
        turned[day] = state.set_column(place, state.schema.field(place), negative.cast(pa.timestamp("us")).cast(pa.timestamp("us", tz="UTC")))
    return owners(turned, keys)


def everybody_owns(states: dict[str, pa.Table], keys: pa.Table, owners: Callable[..., pa.Table] = sales._owners) -> pa.Table:
    found = owners(states, keys)
    return found.set_column(found.schema.get_field_index("suya"), "suya", pa.array([True] * found.num_rows))


def displaced_are_gone(state: pa.Table, owners: pa.Table, flagged: Callable[..., pa.Table] = sales._flagged) -> pa.Table:
    found = flagged(state, owners)
    return found.filter(pc.invert(found.column("_desplazada")))


def counts_displaced(r: Any, before: pa.Table, after: pa.Table, others: Any, rule: Callable[..., Any] = sales.suspicion) -> str | None:
    return rule(r, sales._unmoved(before), after, others)


def no_bajas(*a: Any, drafts: Callable[..., Any] = history.history_drafts) -> Any:
    changes, cut = drafts(*a)
    return replace(changes, rows=changes.rows.filter(pc.not_equal(changes.rows.column("movimiento"), "baja"))), cut


def only_own_tick(r: Any, *a: Any, drafts: Callable[..., Any] = stock.drafts) -> Any:
    return tuple(d for d in drafts(r, *a) if d.table not in ("inventario_historico", "inventario_cortes") or d.slice.endswith(r.cut))


def always_actual(r: Any, state: pa.Table, past: Any, known: Any, drafts: Callable[..., Any] = stock.drafts) -> Any:
    plain = state.select(stock.row_schema(r.fact).names)
    return (*(d for d in drafts(r, state, past, known) if d.table != "inventario_actual"), stock.Draft("inventario_actual", r.location, plain))


def of_any_day(self: Past, tick: str, *, after: bool, same_day: bool, neighbour: Callable[..., Any] = Past.neighbour) -> str | None:
    return neighbour(self, tick, after=after, same_day=same_day and after)


def no_tick_before(self: Past, tick: str, *, after: bool, same_day: bool, neighbour: Callable[..., Any] = Past.neighbour) -> str | None:
    return neighbour(self, tick, after=after, same_day=same_day) if after or not same_day else None


def from_own_image(r: Any, past: Past) -> pa.Table:
    return past.state(r.cut if past.has_tick(r.cut) else None)


def from_tick_before(r: Any, past: Past) -> pa.Table:
    return past.state(past.neighbour(r.cut, after=False, same_day=False))


def unrepeated(case: Any, came_to: Any, repeated: Callable[..., bool] = reading._repeated) -> bool:
    return came_to not in GOOD and repeated(case, came_to) and False


def as_standing(self: Any) -> bool:
    return self.standing is not None and stamp(self.reading.read_at) <= self.standing["read_at"]


def without_window(r: Any, mark: Callable[..., Any] = reading.fingerprint) -> Any:
    return mark(replace(r, window=None))


def note_always(case: Any, *a: Any, note: Callable[..., Any] = reading._note) -> Any:
    return note(replace(case, standing=None), *a)


def over_gaps(start: Any, end: Any, so_far: Any, r: Any) -> Any:
    return max(so_far or start, min((r.window or (start, end))[1], r.read_at, end))


def beyond_the_start(start: Any, end: Any, so_far: Any, r: Any) -> Any:
    low, high = r.window or (start, end)
    return max(so_far or start, high) if low <= (so_far or start) else so_far or start


def repairs_are_attempts(self: Index, db: Any, manifest: Any, add: Callable[..., None] = Index.add_lote) -> None:
    add(
        self, db, replace(manifest, reading=manifest.reading and {**manifest.reading, "outcome": manifest.reading["outcome"].replace("reparacion", "completo")})
    )


def logs_last(index: Index, db: Any, location: str, place: Any, manifests: Any) -> None:
    lines_, read = journal._lines(place, index.progress(db, location)[1])
    for manifest in manifests:
        index.add_lote(db, manifest)
    for line in lines_:
        journal._remember(index, db, location, line)
    index.set_log_read(db, location, read)


def everything(drafts: Any, past: Any, sequence: int, writer: Any, entries: Callable[..., Any] = measure.entries) -> Any:
    return tuple(replace(e, version=sequence) for e in entries(drafts, past, sequence, writer))


DAY0 = ("ventas", 0, 12)
MOVED: list[Reading | Step] = [said(*DAY0, "a1 b1"), said("ventas", 1, 22, "a2")]
HALVED: list[Reading | Step] = [said(*DAY0, "a1 b2"), said("ventas", 0, 13, "c3", "a")]
LATE: list[Reading | Step] = [said("stock", 3, 1, "a1 b2"), said("stock", 6, 2, "a1 c3"), said("stock", 1, 9, "b2")]
WINDOW: list[Reading | Step] = [lines(8, ("a", 1, 1), ("b", 1, 6)), lines(9, ("c", 1, 6), window=(5, 8))]
XY = (Reject("x", "b", 2), Reject("y", None, 3))
REJECTS: list[Reading | Step] = [
    lines(5, ("a", 1, 1), ("e", 1, 1), rejects=XY, window=(0, 5)),
    lines(9, ("c", 1, 6), ("d", 1, 6), rejects=(Reject("z", "f", 7),), window=(5, 9)),
]
MUTANTS = TWINS | {
    "the past replaces the present": Mutant((reading._Case, "is_past"), False, [said(*DAY0, "a1"), said("ventas", 0, 11, "b1")]),
    "past is told by what stands, not by when it was last seen": Mutant(
        (reading._Case, "is_past"), property(as_standing), [said(*DAY0, "a1"), said("ventas", 0, 14, "a1"), said("ventas", 0, 13, "b1")]
    ),
    "rejected is absent": Mutant((merge, "_kept"), not_carried, HALVED),
    "an unreadable key spares nothing": Mutant((merge, "_kept"), only_readable, [said(*DAY0, "a1 b2"), said("ventas", 0, 13, "c3", "?")]),
    "carried in a tick from the tick before only": Mutant(
        (stock, "before"), from_tick_before, [said("stock", 1, 1, "a1"), said("stock", 3, 2, "a2 b2"), said("stock", 3, 3, "c3 e1", "a b")]
    ),
    "carried in a tick from its own image only": Mutant((stock, "before"), from_own_image, [said("stock", 1, 1, "a1"), said("stock", 3, 2, "b2", "a")]),
    "a key belongs to the oldest reading": Mutant((sales, "_owners"), oldest_owns, MOVED),
    "a key belongs to every day that has it": Mutant((sales, "_owners"), everybody_owns, MOVED),
    "a displaced row is deleted": Mutant((sales, "_flagged"), displaced_are_gone, MOVED),
    "other days are not looked at": Mutant((Past, "days_with"), lambda *_a: (), MOVED),
    "keys are indexed by what landed first": Mutant((KeyIndex, "replace"), never, MOVED),
    "a window speaks of the whole day": Mutant((merge, "touched"), all_touched, WINDOW),
    "a window speaks of what it answers only": Mutant((merge, "touched"), only_answered, WINDOW),
    "a window replaces the day's rejects": Mutant((reading, "reject_rows"), lambda r, _b, rule=merge.reject_rows: rule(r, None), REJECTS),
    "rejects pile up": Mutant(
        (merge, "touched"),
        lambda r, rows, column="fecha_venta", t=merge.touched: only_answered(r, rows) if column == "_instante" else t(r, rows, column),
        [*REJECTS, lines(10, ("c", 1, 6), window=(5, 9))],
    ),
    "coverage over a gap": Mutant((reading, "covered_until"), over_gaps, [said("ventas", 0, 3, "a1", window=(0, 3)), said("ventas", 0, 9, window=(6, 9))]),
    "coverage beyond the start of the reading": Mutant((reading, "covered_until"), beyond_the_start, [said("ventas", 0, 4, "a1", window=(0, 9))]),
    "changes against the tick before of any day": Mutant((Past, "neighbour"), of_any_day, [said("stock", 6, 6, "a1 b1"), said("stock", 14, 14, "a1")]),
    "every tick is a keyframe": Mutant((Past, "neighbour"), no_tick_before, [said("stock", 1, 1, "a1"), said("stock", 3, 3, "a1 b1")]),
    "no bajas": Mutant((stock, "history_drafts"), no_bajas, [said("stock", 1, 1, "a1 b1"), said("stock", 3, 3, "a1")]),
    "the next tick is left as it landed": Mutant((stock, "drafts"), only_own_tick, LATE),
    "inventario_actual is of the reading that came last": Mutant((stock, "drafts"), always_actual, LATE),
    "nothing is nothing new": Mutant(
        (reading, "fingerprint"),
        lambda r, mark=reading.fingerprint: replace(mark(r), content=stamp(r.read_at)),
        [said(*DAY0, "a1"), said("ventas", 0, 13, "a1")],
    ),
    "evidence is always new": Mutant((reading, "_repeated"), unrepeated, [said(*DAY0, answer="inalcanzable"), said("ventas", 0, 13, answer="inalcanzable")]),
    "nothing new forgets the window": Mutant((reading, "fingerprint"), without_window, [said("ventas", 0, 5, "a1"), said("ventas", 0, 6, "a1", window=(0, 6))]),
    "a day is closed whenever it is read": Mutant(
        (outcome, "closable_from"), lambda day: outcome.day_end(day).replace(year=2000), [said("ventas", 0, 5, "a1"), said(*DAY0, "a1")]
    ),
    "a failed attempt overwrites coverage": Mutant((reading, "_note"), note_always, [said(*DAY0, "a1"), said("ventas", 0, 13, answer="inalcanzable")]),
    "no sales are suspicious": Mutant((sales, "suspicion"), never, [said(*DAY0, FOUR), said("ventas", 0, 13, "a1")]),
    "no stock is suspicious": Mutant((stock, "suspicion"), never, [said("stock", 1, 1)]),
    "a reading is compared in size where it is large only": Mutant(
        (stock, "stock_suspicion"),
        lambda r, before, zero, twin, awaited, rule=outcome.stock_suspicion: rule(r, before if r.rows.num_rows >= 4 else 0, zero, twin, awaited),
        [said("stock", 1, 1, FOUR), said("stock", 2, 2, "a1")],
    ),
    "displaced rows count as known": Mutant((sales, "suspicion"), counts_displaced, [said(*DAY0, "a1"), said("ventas", 1, 22, "a1"), said("ventas", 0, 23)]),
    "a repair is an attempt": Mutant((Index, "add_lote"), repairs_are_attempts, [said(*DAY0, "a1"), said("ventas", 0, 13, "a2", provenance="repair")]),
    "a repair deletes displaced rows": Mutant((sales, "repaired"), lambda r, _b: merge.fresh(r), [*MOVED, said("ventas", 0, 23, "b1", provenance="repair")]),
    "a repair leaves rows as old as they were": Mutant(
        (sales, "repaired"),
        lambda r, before, rule=sales.repaired: rule(replace(r, read_at=before.column("_leido_en")[0].as_py()), before),
        [said(*DAY0, "a1"), said("ventas", 0, 13, "a2", provenance="repair")],
    ),
    "what is written anew is of a new version": Mutant((boxes, "entries"), everything, [said(*DAY0, "a1"), said("ventas", 0, 13, "a1", "b")]),
    "a rebuild reads the log last": Mutant(
        (journal, "_take_over"),
        logs_last,
        [said(*DAY0, "a1"), said("ventas", 0, 14, "a1"), said("ventas", 0, 14, answer="inalcanzable"), ("lose", 0)],
    ),
    "the last verification is in manifests only": Mutant(
        (journal, "_remember"),
        lambda index, db, place, line, rule=journal._remember: rule(index, db, place, {**line, "verified": None}),
        [said(*DAY0, "a1"), said("ventas", 0, 14, "a1")],
    ),
    "a crash between manifest and index is not healed": Mutant(
        (journal, "catch_up"), never, [said(*DAY0, "a1"), ("crash", (said("ventas", 0, 13, "b1"), "index"))]
    ),
    "a crash between index and keys is not healed": Mutant((Past, "_index_keys"), never, [said(*DAY0, "a1"), ("lose", 1), said("ventas", 1, 22, "a2")]),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_broken_rule_is_noticed(name: str, life: Life, monkeypatch: pytest.MonkeyPatch) -> None:
    where, broken, steps = MUTANTS[name]
    monkeypatch.setattr(*where, broken)
    with pytest.raises(AssertionError):
        lived(life, steps)


@pytest.mark.parametrize("name", MUTANTS)
def test_its_life_is_good_while_no_rule_is_broken(name: str, life: Life) -> None:
    lived(life, MUTANTS[name].life)
