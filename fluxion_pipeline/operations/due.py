"""Which days or ticks a run reads of a location: of files those that are unread, of a live system those that aren't closed.

Nothing is read here. Before this: what a person or a schedule asked for; after it: ``operations.land``.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from fluxion_pipeline.contracts.clock import local_day, parse_day
from fluxion_pipeline.contracts.outcomes import Fact, Outcome
from fluxion_pipeline.contracts.ticks import latest_tick
from fluxion_pipeline.errors import ContractError
from fluxion_pipeline.landing.attempts import attempted_outcomes, standing_outcomes
from fluxion_pipeline.landing.evidence import held_back
from fluxion_pipeline.locations.registry import Location
from fluxion_pipeline.operations.app import App

if TYPE_CHECKING:
    from fluxion_pipeline.operations.land import Request

CLOSED = frozenset({Outcome.COMPLETO.value, Outcome.VACIO.value, Outcome.CERRADO.value})
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


def cuts_due(app: App, request: Request, location: Location, anywhere: frozenset[str]) -> list[str]:
    """The days or ticks to read of a location, ascending; ``anywhere``: those that any location is expected to have."""
    if app.source.live:
        return _of_live(app, request, location)
    return _of_files(app, request, location, anywhere)


def _of_files(app: App, request: Request, location: Location, anywhere: frozenset[str]) -> list[str]:
    """Asked-for ones, whatever is known of them.

    Otherwise: those whose source differs from what was last read, and expected ones that are missing
    and were never noted as missing.
    """
    source, fact = app.source, request.fact
    has = set(source.cuts(fact, location))
    expected = anywhere if fact is not Fact.VENTAS or location.is_store else frozenset()
    cuts = sorted(c for c in has | expected if request.includes(c))
    if request.explicit:
        return cuts
    read = app.outbox.index.source_digests(fact, location.codigo)
    held = {h.cut for h in held_back(app.outbox) if h.fact is fact and h.location == location.codigo} if request.accept else set()
    return [c for c in cuts if c in held or c not in read or (c in has or read[c] is not None) and source.digest(fact, location, c) != read[c]]


def _of_live(app: App, request: Request, location: Location) -> list[str]:
    """The stock of now, as the latest tick; of sales the days that were asked for, or those that aren't closed."""
    if request.fact is Fact.INVENTARIO:
        return list(app.source.cuts(request.fact, location))
    if not location.is_store:
        return []
    today = local_day(app.clock())
    if not request.explicit:
        return _open_days(app, location, today)
    high = min(parse_day(request.high), today) if request.high else today
    low = parse_day(request.low) if request.low else high - FURTHEST
    return [(low + timedelta(days=n)).isoformat() for n in range((high - low).days + 1)]


def _open_days(app: App, location: Location, today: date) -> list[str]:
    """From the day after the last closed one to today, and older ones that were tried and aren't closed; nothing before ``FURTHEST``.

    A location of which no day is closed yet begins with yesterday.
    """
    stands = standing_outcomes(app.outbox.index, Fact.VENTAS, location.codigo)
    closed = {day for day, outcome in stands.items() if outcome in CLOSED}
    furthest = (today - FURTHEST).isoformat()
    begin = parse_day(max(closed)) + timedelta(days=1) if closed else today - timedelta(days=1)
    days = {(begin + timedelta(days=n)).isoformat() for n in range((today - begin).days + 1)} | {today.isoformat()}
    tried = set(attempted_outcomes(app.outbox.index, Fact.VENTAS, location.codigo))
    return sorted(day for day in (days | tried) - closed if furthest <= day <= today.isoformat())
