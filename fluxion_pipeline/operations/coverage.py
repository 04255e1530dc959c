"""What is there, what is lacking and why: location × day, of sales or of stock.

Before this: ``landing.known`` and the calendar; after it: the heat map (``coverage_picture`` and the
command), and the checks. Nothing is read of a store or of a sink here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any

from fluxion_pipeline.contracts.clock import closable_from, local_day, parse_day, tick_text
from fluxion_pipeline.contracts.outcomes import GOOD, SATISFIED, Fact, Outcome
from fluxion_pipeline.contracts.ticks import EVERY, ticks_of
from fluxion_pipeline.landing.index import stamp
from fluxion_pipeline.landing.known import Known, first_cuts, known
from fluxion_pipeline.locations.registry import Location
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.operations.calendar import Calendar, read_calendar
from fluxion_pipeline.operations.recovery import days_between

SIN_LECTURA = "sin_lectura"
"""What is told of an expected day of which nobody asked; it is no outcome, since there was no reading."""

FACTS = (Fact.VENTAS, Fact.INVENTARIO)
DAYS = 30
GRACE = timedelta(minutes=70)
"""After a day can be closed: when the hourly run must have closed it."""

FULL = frozenset({Outcome.COMPLETO.value, Outcome.VACIO.value, Outcome.CERRADO.value})


@dataclass(frozen=True)
class Cell:
    """One location's day.

    Attributes:
        location: canonical code.
        day: business day.
        result: an outcome, or ``sin_lectura``. Of stock that of the day as a whole: ``parcial`` where some ticks are there.
        good: how many days (of sales: one) or ticks are as they should be.
        wanted: how many are expected by now.
        lacking: whether something is missing that should be there by now.
        stale: whether the newest attempt failed, though a good reading stands.
        reason: why, where it is known.
    """

    location: str
    day: str
    result: str
    good: int
    wanted: int
    lacking: bool
    stale: bool = False
    reason: str | None = None


@dataclass(frozen=True)
class Gap:
    """What is lacking of a day for one reason, at one location or many."""

    day: str
    result: str
    reason: str | None
    locations: tuple[str, ...]


@dataclass(frozen=True)
class Coverage:
    """A fact's locations and days; a pair without a cell is expected of nobody."""

    fact: Fact
    days: tuple[str, ...]
    locations: tuple[Location, ...]
    cells: Mapping[tuple[str, str], Cell]
    problems: tuple[str, ...] = ()

    @property
    def lacking(self) -> tuple[Cell, ...]:
        """What is missing, newest day first."""
        return tuple(sorted((c for c in self.cells.values() if c.lacking), key=lambda c: (c.day, c.location), reverse=True))

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """What is missing, newest day first, what concerns most locations before the rest of its day."""
        found: dict[tuple[str, str, str | None], list[str]] = {}
        for cell in self.lacking:
            found.setdefault((cell.day, cell.result, cell.reason), []).append(cell.location)
        gaps = [Gap(*key, tuple(sorted(places))) for key, places in found.items()]
        return tuple(sorted(sorted(gaps, key=lambda g: -len(g.locations)), key=lambda g: g.day, reverse=True))

    @property
    def shown(self) -> tuple[str, ...]:
        """The days from the first one on of which anything is expected: a young home has no month yet."""
        first = min((day for _, day in self.cells), default=self.days[0])
        return tuple(d for d in self.days if d >= first)

    @property
    def share(self) -> float:
        """The share of what is expected that is there, between 0 and 1; 1 where nothing is expected."""
        wanted = sum(c.wanted for c in self.cells.values())
        return sum(min(c.good, c.wanted) for c in self.cells.values()) / wanted if wanted else 1.0

    def counts(self) -> dict[str, int]:
        """How many cells have which result."""
        return dict(Counter(c.result for c in self.cells.values()).most_common())

    def to_json(self) -> dict[str, Any]:
        """As plain JSON."""
        cells = [asdict(c) for _, c in sorted(self.cells.items())]
        return {"tabla": self.fact.value, "days": list(self.days), "share": round(self.share, 6), "results": self.counts(), "cells": cells}


def coverage(app: App, fact: Fact, low: str | None = None, high: str | None = None) -> Coverage:
    """The coverage of some days, both ends included.

    Args:
        app: the home.
        fact: sales or stock.
        low: first day; None: 30 days up to the last one.
        high: last day; None: today; of files the newest day that any location has.

    Raises:
        ContractError: if a day is no day.
        SettingsError: if the source isn't configured.
        PermanentError: if it can't be opened.
    """
    at = app.clock()
    cuts = () if app.source.live else app.source.expected(fact)
    last = parse_day(high) if high else _newest(cuts, at)
    first = parse_day(low) if low else last - timedelta(days=DAYS - 1)
    days = tuple(days_between(first, last))
    found = known(app.outbox.index, fact, low=first.isoformat(), high=f"{last.isoformat()}T9999")
    calendar = read_calendar(app.settings.home, app.registry)
    look = _Look(fact, at, app.source.live, tuple(cuts), first_cuts(app.outbox.index, fact), found, calendar)
    places = tuple(x for x in app.registry.active if app.source.covers(x) and (fact is not Fact.VENTAS or x.is_store))
    cells = {(x.codigo, day): cell for x in places for day in days if (cell := look.cell(x.codigo, day)) is not None}
    return Coverage(fact, days, places, cells, calendar.problems)


def _newest(cuts: Collection[str], at: datetime) -> date:
    today = local_day(at)
    past = [c[:10] for c in cuts if c[:10] <= today.isoformat()]
    return parse_day(max(past)) if past else today


@dataclass(frozen=True)
class _Look:
    """All that a cell is judged by."""

    fact: Fact
    at: datetime
    live: bool
    cuts: tuple[str, ...]
    first: Mapping[str, str]
    found: Mapping[tuple[str, str], Known]
    calendar: Calendar

    def cell(self, place: str, day: str) -> Cell | None:
        """What is told of a location's day; None: nothing is expected, and nothing is known."""
        if day > local_day(self.at).isoformat():
            return None
        return self._sales(place, day) if self.fact is Fact.VENTAS else self._stock(place, day)

    def _begin(self, place: str) -> str:
        """The first cut that is expected of a location; of one that was never asked, yesterday's."""
        yesterday = (local_day(self.at) - timedelta(days=1)).isoformat()
        return self.first.get(place, yesterday if self.first else "~")

    def _sales(self, place: str, day: str) -> Cell | None:
        seen, why = self.found.get((place, day)), self.calendar.why(place, day)
        expected = day >= self._begin(place) if self.live else day in self.cuts or (why is not None and min(self.cuts, default="~") <= day)
        if seen is None and not expected:
            return None
        result = (seen.outcome or seen.attempt if seen else None) or (SIN_LECTURA if why is None else Outcome.CERRADO.value)
        if why is not None and not (seen and seen.outcome):
            result = Outcome.CERRADO.value
        due = self.at >= closable_from(parse_day(day)) + GRACE
        full = result in FULL or (result in {Outcome.EN_CURSO.value, SIN_LECTURA} and not due)
        good = int(full and result != SIN_LECTURA)
        wanted = int(good or due or not full)
        return Cell(place, day, result, good, wanted, not full, _stale(seen), why if result == Outcome.CERRADO.value else seen.reason if seen else None)

    def _stock(self, place: str, day: str) -> Cell | None:
        ticks = self._ticks(place, day)
        seen = {t: k for t in ticks if (k := self.found.get((place, t))) is not None}
        if not ticks:
            return None
        shut = self.calendar.why(place, day)
        good = [t for t in ticks if t in seen and seen[t].outcome in GOOD_WORDS]
        closed = [t for t in ticks if t not in good and shut is not None]
        bad = [t for t in ticks if t not in good and t not in closed]
        if not bad:
            return Cell(place, day, Outcome.CERRADO.value if not good else Outcome.COMPLETO.value, len(ticks), len(ticks), False, reason=None if good else shut)
        words = Counter((seen[t].attempt if t in seen else None) or SIN_LECTURA for t in bad)
        newest = seen.get(bad[-1])
        told = f"{len(good)} of {len(ticks)} ticks; " + ", ".join(f"{n} {word}" for word, n in words.most_common())
        result = Outcome.PARCIAL.value if good else words.most_common(1)[0][0]
        return Cell(place, day, result, len(ticks) - len(bad), len(ticks), True, reason=f"{told}: {newest.reason}" if newest and newest.reason else told)

    def _ticks(self, place: str, day: str) -> list[str]:
        """The ticks that are expected of a location's day by now."""
        if not self.live:
            return [c for c in self.cuts if c[:10] == day]
        latest = tick_text(self.at - EVERY)
        return [t for t in ticks_of(parse_day(day)) if self._begin(place) <= t <= latest]


GOOD_WORDS = frozenset(o.value for o in GOOD)
_SATISFIED = frozenset(o.value for o in SATISFIED)


def _stale(seen: Known | None) -> bool:
    return seen is not None and seen.outcome is not None and seen.attempt is not None and seen.attempt not in _SATISFIED


@dataclass(frozen=True)
class Silence:
    """A location that should have been heard of: how many ticks it is silent, and since when."""

    location: str
    name: str
    ticks: int
    since: str | None
    reason: str | None


def silences(app: App, most: int = 34 * 7) -> tuple[Silence, ...]:
    """For each expected location, how many ticks passed since the newest good one, closing days left out; ``most``: where counting ends."""
    at = app.clock()
    index, source = app.outbox.index, app.source
    calendar, first = read_calendar(app.settings.home, app.registry), first_cuts(index, Fact.INVENTARIO)
    if source.live:
        latest = tick_text(at - EVERY)
        days: Iterable[str] = days_between(local_day(at) - timedelta(days=most // 34 + 1), local_day(at))
        ticks = [t for day in days for t in ticks_of(parse_day(day)) if t <= latest][-most:]
    else:
        ticks = [t for t in source.expected(Fact.INVENTARIO) if t <= tick_text(at)][-most:]
    found = known(index, Fact.INVENTARIO, low=ticks[0] if ticks else stamp(at))
    told = []
    for place in (x for x in app.registry.active if source.covers(x)):
        code = place.codigo
        good = max((cut for (where, cut), k in found.items() if where == code and k.outcome in GOOD_WORDS), default=None)
        begin = first.get(code, ticks[-1] if ticks else "") if source.live else ""
        silent = [t for t in ticks if t >= begin and (good is None or t > good) and calendar.why(code, t) is None]
        newest = max(((cut, k.reason) for (where, cut), k in found.items() if where == code), default=(None, None))
        told.append(Silence(code, place.nombre, len(silent), good, newest[1] if silent else None))
    return tuple(told)
