"""The nightly recovery: which days of a location are read again, and when it was last done.

Pure but for its mark, a small file below the home. Before this: ``landing.known``; after it:
``operations.due``, and the check that the recovery itself is alive.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from fluxion_pipeline.contracts.clock import ZONE, closable_from, local_day, parse_day
from fluxion_pipeline.contracts.outcomes import CLOSED, Outcome
from fluxion_pipeline.landing.index import instant, stamp
from fluxion_pipeline.landing.known import Known

AGAIN, ON_SUNDAYS = 3, 31
"""How many closed days are read again, since tills upload late: each night, and on Sundays."""

SUNDAY = 6
_CLOSED = frozenset(x.value for x in CLOSED)
MARK = "recuperacion.json"


def is_closed(day: str, found: Known | None, closing: Collection[str]) -> bool:
    """Whether a day needs no reading any more: read in full after its close, or a closing day that was looked at."""
    if found is None:
        return False
    return found.outcome in _CLOSED or (day in closing and found.attempt == Outcome.CERRADO.value)


def days_between(first: date, last: date) -> list[str]:
    """Business days, both ends included, ascending."""
    return [(first + timedelta(days=n)).isoformat() for n in range((last - first).days + 1)]


def last_closable(at: datetime) -> date:
    """The newest business day that a reading begun now may close."""
    day = local_day(at) - timedelta(days=1)
    return day if at >= closable_from(day) else day - timedelta(days=1)


@dataclass(frozen=True)
class Plan:
    """What a night reads of one location, in this order.

    Attributes:
        open: days that aren't closed, oldest first, however old.
        again: the newest closed ones, oldest first.
    """

    open: tuple[str, ...]
    again: tuple[str, ...]

    @property
    def days(self) -> tuple[str, ...]:
        """All of them."""
        return (*self.open, *self.again)


def plan(known: Mapping[str, Known], closing: Collection[str], at: datetime, contested: Collection[str] = ()) -> Plan:
    """The days that a recovery reads of one location.

    Args:
        known: business day → what is known of it. From the first one on, every day is expected; of a
            location of which nothing is known, yesterday is.
        closing: the location's days in the calendar of closing days.
        at: the instant at which the recovery begins.
        contested: its days in doubt (``landing.known.contested``): to be read as if they weren't closed.
    """
    last = last_closable(at)
    first = min(parse_day(min(known)), last) if known else last
    days = days_between(first, last)
    closed = [d for d in days if is_closed(d, known.get(d), closing) and d not in contested]
    still = sorted({*days} - {*closed})
    many = ON_SUNDAYS if at.astimezone(ZONE).weekday() == SUNDAY else AGAIN
    return Plan(tuple(still), tuple(closed[-many:]))


@dataclass(frozen=True)
class Mark:
    """The newest recovery that ended: when, and how many of its readings came to nothing."""

    begun: datetime
    ended: datetime
    readings: int
    failed: int


def leave_mark(home: Path, mark: Mark) -> None:
    """Note that a recovery ended."""
    text = json.dumps({"comenzo": stamp(mark.begun), "termino": stamp(mark.ended), "lecturas": mark.readings, "fallidas": mark.failed})
    fresh = home / f"{MARK}.{os.getpid()}"
    fresh.write_text(text + "\n", "utf-8")
    fresh.replace(home / MARK)


def last_mark(home: Path) -> Mark | None:
    """The newest recovery that ended; None: none did, as far as can be read."""
    try:
        data = json.loads((home / MARK).read_text("utf-8"))
        return Mark(instant(data["comenzo"]), instant(data["termino"]), int(data["lecturas"]), int(data["fallidas"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
