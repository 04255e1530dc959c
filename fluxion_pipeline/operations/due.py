"""Which days or ticks a run reads of a location: of files those that are unread, of a live system those that aren't closed.

Of the day in progress a live system is only asked what came since its watermark (``windows``).

Nothing is read here. Before this: what a person or a schedule asked for; after it: ``operations.land``.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from fluxion_pipeline.contracts.clock import closable_from, local_day, parse_day
from fluxion_pipeline.contracts.outcomes import Fact, Outcome
from fluxion_pipeline.contracts.ticks import latest_tick
from fluxion_pipeline.errors import ContractError
from fluxion_pipeline.landing.evidence import held_back
from fluxion_pipeline.landing.known import contested, known_days
from fluxion_pipeline.locations.registry import Location
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.operations.calendar import Calendar
from fluxion_pipeline.operations.recovery import days_between, is_closed, plan
from fluxion_pipeline.operations.windows import Due, due

if TYPE_CHECKING:
    from fluxion_pipeline.operations.land import Request

FURTHEST = timedelta(days=31)
"""How far back a run without times asks a live system for days that aren't closed."""


def check_times(app: App, request: Request) -> None:
    """A live system can't be asked for the past of its stock, nor for days to come.

    Raises:
        ContractError: if it is.
    """
    if not app.source.live or not request.explicit:
        return
    at = app.clock()
    if request.fact is Fact.INVENTARIO and request.low != latest_tick(at):
        tick = latest_tick(at)
        raise ContractError(f"--tick {request.low} can't be read: the stores' system only knows its stock of now, which is tick {tick}", "leave --tick out")
    first = request.low or request.high
    if request.fact is Fact.VENTAS and first is not None and first > local_day(at).isoformat():
        raise ContractError(f"{first} is after today ({local_day(at)})", "ask for days up to today")


def cuts_due(app: App, request: Request, location: Location, anywhere: frozenset[str], calendar: Calendar) -> list[Due]:
    """The days or ticks to read of a location, in the order of reading.

    Args:
        app: the home.
        request: what was asked for.
        location: of which location.
        anywhere: the days or ticks that any location is expected to have.
        calendar: the closing days.
    """
    if app.source.live:
        return _of_live(app, request, location, calendar)
    return [Due(cut) for cut in _of_files(app, request, location, anywhere, calendar)]


def _of_files(app: App, request: Request, location: Location, anywhere: frozenset[str], calendar: Calendar) -> list[str]:
    """Asked-for ones, whatever is known of them.

    Otherwise: those whose source differs from what was last read; days that were read before they could
    be closed, and now can be; and expected ones that are missing and were never noted as missing, or as
    closed where the calendar says so.
    """
    source, fact = app.source, request.fact
    has = set(source.cuts(fact, location))
    expected = anywhere if fact is not Fact.VENTAS or location.is_store else frozenset()
    cuts = sorted(c for c in has | expected if request.includes(c))
    if request.explicit:
        return cuts
    read = app.outbox.index.source_digests(fact, location.codigo)
    held = {h.cut for h in held_back(app.outbox) if h.fact is fact and h.location == location.codigo} if request.accept else set()
    found = known_days(app.outbox.index, fact, location.codigo)
    closed = {c for c, x in found.items() if x.attempt == Outcome.CERRADO.value}
    early = {c for c, x in found.items() if x.attempt == x.outcome == Outcome.EN_CURSO.value and app.clock() >= closable_from(parse_day(c))}

    def unread(cut: str) -> bool:
        if cut not in read or cut in held or (cut in early and cut in has):
            return True
        if cut in has or read[cut] is not None:
            return source.digest(fact, location, cut) != read[cut]
        return (cut in closed) != (calendar.why(location.codigo, cut) is not None)

    return [c for c in cuts if unread(c)]


def _of_live(app: App, request: Request, location: Location, calendar: Calendar) -> list[Due]:
    """The stock of now, as the latest tick; of sales the days that were asked for, those of a recovery, or those that aren't closed."""
    if request.fact is Fact.INVENTARIO:
        return [Due(cut) for cut in app.source.cuts(request.fact, location)]
    if not location.is_store:
        return []
    if not request.explicit:
        return _recovered(app, location, calendar) if request.recovery else _open_days(app, request, location, calendar)
    today = local_day(app.clock())
    high = min(parse_day(request.high), today) if request.high else today
    return [Due(day) for day in days_between(parse_day(request.low) if request.low else high - FURTHEST, high)]


def _recovered(app: App, location: Location, calendar: Calendar) -> list[Due]:
    found = known_days(app.outbox.index, Fact.VENTAS, location.codigo)
    doubted = contested(app.outbox.index, location.codigo)
    return [Due(day) for day in plan(found, calendar.days(location.codigo), app.clock(), doubted).days]


def _open_days(app: App, request: Request, location: Location, calendar: Calendar) -> list[Due]:
    """From the day after the last closed one to today, and older ones that were tried and aren't closed; nothing before ``FURTHEST``.

    A location of which no day is closed yet begins with yesterday. A schedule's run stays with yesterday
    and today: older days are the recovery's, so that they hold up no tick. A day in doubt counts as not closed,
    and is read in full: what came before the watermark may be another location's.
    """
    at = app.clock()
    today, closing = local_day(at), calendar.days(location.codigo)
    found = known_days(app.outbox.index, Fact.VENTAS, location.codigo)
    yesterday = today - timedelta(days=1)
    furthest = (yesterday if request.scheduled else today - FURTHEST).isoformat()
    doubted = contested(app.outbox.index, location.codigo, furthest)
    closed = {day for day, x in found.items() if is_closed(day, x, closing) and day not in doubted}
    begin = min(parse_day(max(closed)) + timedelta(days=1), today) if closed else yesterday
    days = sorted(day for day in ({*days_between(begin, today), *found}) - closed if furthest <= day <= today.isoformat())
    asked = (due(day, found[day].covered_until if day in found and day not in doubted else None, at) for day in days)
    return [x for x in asked if x is not None]
