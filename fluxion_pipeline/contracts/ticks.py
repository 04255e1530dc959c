"""The scheduled ticks of stock: of a live system, whose stock is only known as of now, a reading is of the latest one.

Drops carry their tick in the file's name; nothing here concerns them.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from fluxion_pipeline.contracts.clock import ZONE, tick_text

FIRST, LAST = time(6, 0), time(22, 30)
EVERY = timedelta(minutes=30)
"""Local times of a day's first and last tick, and what lies between two."""


def latest_tick(now: datetime) -> str:
    """The latest scheduled tick that isn't after an instant, as local ``YYYY-MM-DDTHHMM``.

    Before a day's first one it is the last one of the day before.
    """
    local = now.astimezone(ZONE)
    first = datetime.combine(local.date(), FIRST, ZONE)
    if local < first:
        return tick_text(datetime.combine(local.date() - timedelta(days=1), LAST, ZONE))
    return tick_text(min(first + (local - first) // EVERY * EVERY, datetime.combine(local.date(), LAST, ZONE)))


def ticks_of(day: date) -> tuple[str, ...]:
    """The scheduled ticks of a day, ascending."""
    first, last = (datetime.combine(day, t, ZONE) for t in (FIRST, LAST))
    return tuple(tick_text(first + n * EVERY) for n in range((last - first) // EVERY + 1))
