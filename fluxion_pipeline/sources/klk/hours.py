"""Windows of time as KLK's filter of hours says them.

The filter is a time of day, both ends included, applied to every date of the range: so a window lies in
one business day (``operations.windows`` makes no other), and one over midnight is refused.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

from fluxion_pipeline.contracts.clock import ZONE, day_end, day_start
from fluxion_pipeline.errors import ContractError

Window = tuple[datetime, datetime]


def hours(day: date, window: Window) -> dict[str, str]:
    """The filter for a half-open window within a business day.

    Both ends are widened to whole seconds, since the filter knows no smaller ones: what is asked for
    beyond the window belongs to it by its key and is landed once. An end at midnight is left out: the
    last fraction of a second before it has no time of day that names it.

    Raises:
        ContractError: if the window isn't within the day, or is empty.
    """
    low, high = window
    if not day_start(day) <= low < high <= day_end(day):
        raise ContractError(f"the window {low.isoformat()} to {high.isoformat()} is not within {day}", "cut it at midnight")
    found = {}
    if low > day_start(day):
        found["hora_desde"] = low.astimezone(ZONE).strftime("%H:%M:%S")
    last = high.astimezone(ZONE)
    last += timedelta(microseconds=-last.microsecond % 1_000_000)
    if last < day_end(day):
        found["hora_hasta"] = last.strftime("%H:%M:%S")
    return found
