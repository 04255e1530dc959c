"""Random lives of an outbox, lived by the model and by the real one side by side, compared after every step.

A life is a list of steps: readings whose clock mostly goes on, now and then late; the same again;
accepted; a repair; crashes at named points; a lost index. ``Life.step`` lives one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from fluxion_pipeline.landing import outbox as outbox_module
from fluxion_pipeline.landing.index import Index
from fluxion_pipeline.landing.keys import KeyIndex
from fluxion_pipeline.landing.lote import LoteWriter
from fluxion_pipeline.landing.outbox import Landing, Outbox
from fluxion_pipeline_tests.support import landing_model as model
from fluxion_pipeline_tests.support import landing_world as world
from fluxion_pipeline_tests.support.landing_terms import Line, Place, Reading, Reject

DAYS, TICKS, KEYS = range(3), (1, 3, 6, 11, 14, 25), "abcdef"
Step = tuple[str, Any]


@st.composite
def readings(draw: st.DrawFn, read_at: int, table: str, cuts: Sequence[int], keys: str, places: str) -> Reading:
    """A reading that began at an instant."""
    cut = draw(st.sampled_from(cuts))
    sales = table == "ventas"

    def hour() -> int:
        return 10 * cut + draw(st.integers(0, 9)) if sales else 0

    lines = {k: Line(k, draw(st.integers(0, 2)), hour()) for k in sorted(draw(st.sets(st.sampled_from(keys), max_size=5)))}
    wrong = [*draw(st.sampled_from(["", "", "?"])), *draw(st.sampled_from(["", "", "", *keys]))]
    rejects = {Reject(f"{k}@{h}", None if k == "?" else k, h) for k in wrong if k not in lines for h in [hour() if draw(st.booleans()) else None]}
    window = None
    if sales and draw(st.booleans()):
        low = 10 * cut + draw(st.integers(0, 9))
        window = (low, low + draw(st.integers(1, 10)))
        inside = [x for x in (*lines.values(), *rejects) if x.hour is None or window[0] <= x.hour < window[1]]
        lines, rejects = {x.key: x for x in inside if isinstance(x, Line)}, {x for x in inside if isinstance(x, Reject)}
    answer = draw(st.sampled_from(["entera"] * 9 + ["parcial", "inalcanzable", "sin_dato"]))
    if answer in ("inalcanzable", "sin_dato"):
        lines, rejects = {}, set()
    provenance = draw(st.sampled_from(["normal", "normal", "replay", "accept"]))
    place = draw(st.sampled_from(places))
    names = draw(st.sampled_from([None, place, *sorted(set(places))])) if sales else None
    return Reading(table, cut, read_at, frozenset(lines.values()), frozenset(rejects), window, answer, provenance, place, names)


AGAIN = ["again", "reread", "accept", "mirror"]
"""A reading met before: late, now, accepted; or as another place's, under the names of the one or of none."""
POINTS = ("parquet", "manifest", "index", "keys", "log")
"""What a crash comes right before."""


@st.composite
def lives(draw: st.DrawFn, size: int = 14) -> list[Step]:
    """Half of the lives dwell on a few keys of one table, where rules meet."""
    focus, clock, steps = draw(st.sampled_from(["all", "all", "ventas", "stock"])), 0, []
    wide = focus == "all"
    for what in draw(st.lists(st.sampled_from(["read"] * 7 + AGAIN + ["repair", "crash", "lose", "reopen"]), max_size=size)):
        data: Any = draw(st.integers(0, 9))
        if what in ("read", "repair", "crash"):
            late = draw(st.integers(0, 4)) == 4
            clock += 0 if late else draw(st.integers(1, 7))
            table = focus if not wide else draw(st.sampled_from(["ventas", "stock"]))
            cuts = DAYS[: 3 if wide else 2] if table == "ventas" else TICKS[: 6 if wide else 3]
            reading = draw(readings(draw(st.integers(0, clock)) if late else clock, table, cuts, KEYS if wide else "abc", "AAB" if wide else "A"))
            data = (reading, draw(st.sampled_from(POINTS))) if what == "crash" else reading
        steps.append((what, data))
    return steps


class Crash(BaseException):
    """The process ends here: nobody catches this."""


class Life:
    """A model and an outbox that must say the same."""

    def __init__(self, home: Path) -> None:
        self.home, self.landing, self.readings = home, {}, []
        self.outbox = Outbox(home).open()
        self.steps = 0

    def step(self, what: str, data: Any) -> None:
        if what == "read":
            self.read(data)
        elif what in AGAIN and self.readings:
            old = self.readings[-1 - data % len(self.readings)]
            later = max(x.read_at for x in self.readings) + 1
            anothers = replace(old, read_at=later, provenance="normal", place="AB"[old.place == "A"], names=[None, old.names][data % 2])
            read_again = replace(old, read_at=later, provenance="normal")
            self.read({"again": old, "reread": read_again, "accept": replace(old, provenance="accept"), "mirror": anothers}[what])
        elif what == "repair":
            self.repair(data)
        elif what == "crash":
            self.crash(*data)
        elif what == "lose":
            self.lose(data)
        elif what == "reopen":
            self.outbox = Outbox(self.home).open()

    def read(self, reading: Reading) -> Landing:
        """Land a reading in both and compare all that there is of its place."""
        self.readings.append(reading)
        held = self.landing.get(reading.place, Place())
        self.landing, lote = model.land(self.landing, reading)
        told = self.land(reading)
        assert (told.new, told.lote_id is not None) == (lote is not None,) * 2
        if lote is not None:
            assert (told.outcome.value, told.applied) == (lote.outcome, lote.applied)
            assert told.lote_id == f"{world.LOCATIONS[reading.place]}-{lote.sequence}"
        assert told.read == told.loaded + told.repeated + told.rejected + told.held
        self.compare(reading.place, held)
        assert world.told_attempts(self.outbox, reading) == world.meant_attempts(self.landing[reading.place], reading)
        return told

    def land(self, reading: Reading) -> Landing:
        self.steps += 1
        real = world.real(reading)
        with self.outbox.lock(real.location) as past:
            return self.outbox.land(real, past)

    def compare(self, place: str, held: Place | None = None) -> None:
        """Images, versions, states. A coverage image also tells when its reading began, so it may be newer than the model's."""
        u = self.landing.get(place, Place())
        told, meant = world.told_images(self.outbox, place), world.meant_images(u)
        assert {s: rows for s, (_, rows) in told.items()} == {s: rows for s, (_, rows) in meant.items()}
        facts = {s: v for s, (v, _) in meant.items() if s[0] != "cobertura"}
        assert {s: v for s, (v, _) in told.items() if s[0] != "cobertura"} == facts
        assert all(told[s][0] >= v for s, (v, _) in meant.items())
        assert world.told_days(self.outbox, place) == world.meant_days(u)
        assert self.outbox.index.sequence(world.LOCATIONS[place]) == u.sequence
        if held is not None and held.sequence == u.sequence:
            assert not [i for i in self.outbox.owed(world.LOCATIONS[place], u.sequence)]

    def compare_all(self) -> None:
        for place in world.LOCATIONS:
            self.compare(place)
        for reading in {r.slice + (r.place,): r for r in self.readings}.values():
            assert world.told_attempts(self.outbox, reading) == world.meant_attempts(self.landing[reading.place], reading)

    def repair(self, like: Reading) -> None:
        """A sink's rows of a slice become its image; of stock only the newest tick is repaired."""
        u = self.landing.get(like.place, Place())
        slices = [s for s in u.standing if s[0] == "ventas" or s[1] == max(u.ticks)]
        if slices:
            table, cut = slices[like.read_at % len(slices)]
            lines = frozenset(Line(x.key, x.value, 10 * cut + x.hour % 10 if table == "ventas" else 0) for x in like.lines)
            self.read(Reading(table, cut, like.read_at, lines, provenance="repair", place=like.place))

    # ── crashes and losses ──────────────────────────────────────────────────────────────────
    def crash(self, reading: Reading, point: str) -> None:
        """The process dies in the middle of a landing; the next one goes on."""
        landing, lote = model.land(self.landing, reading)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(*dies_at(point))
            try:
                self.land(reading)
            except Crash:
                landed = point in ("index", "keys")
            else:
                landed = True
        self.outbox = Outbox(self.home).open()
        if point == "keys" and lote is not None:  # keys that were lost are made anew before the lote is written
            landed = self.outbox.index.sequence(world.LOCATIONS[reading.place]) == lote.sequence
        if landed:
            self.landing = landing
            self.readings.append(reading)
        for place in world.LOCATIONS:
            with self.outbox.lock(world.LOCATIONS[place]):
                pass
        self.compare_all()

    def lose(self, what: int) -> None:
        """The index, the keys of all places, or both are gone."""
        if what % 3 != 1:
            for path in self.home.glob("indice.sqlite*"):
                path.unlink()
        if what % 3 != 0:
            for path in self.home.glob("lotes/*/facturas.sqlite*"):
                path.unlink()
        self.outbox = Outbox(self.home).open()
        self.compare_all()


def dies_at(point: str) -> tuple[Any, str, Callable[..., Any]]:
    """What to put where, so that a landing dies right before a point."""

    def die(*_args: Any, **_more: Any) -> Any:
        raise Crash

    return {
        "parquet": (LoteWriter, "parquet", die),
        "manifest": (LoteWriter, "commit", die),
        "index": (Index, "add_lote", die),
        "keys": (KeyIndex, "replace", die),
        "log": (outbox_module.Outbox, "_log_attempt", die),
    }[point]


def live(life: Life, steps: Sequence[Step]) -> None:
    """Live a life; then every reading again: nothing lands but what was suspicious and no longer is."""
    for what, data in steps:
        life.step(what, data)
    life.compare_all()
    for reading in list(life.readings):
        if reading.provenance != "repair":
            told = life.read(replace(reading, provenance="replay"))
            assert not told.new or told.applied
