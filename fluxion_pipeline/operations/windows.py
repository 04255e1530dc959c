"""What is asked for of a business day: the whole of it, what came since its watermark, or nothing more.

A day's watermark is ``cubierto_hasta``: until when it was asked for, answered and landed without a gap.
Nothing is looked up here. Before this: ``landing.known`` (the watermark); after it: ``operations.land``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from fluxion_pipeline.contracts.clock import closable_from, day_end, day_start, parse_day

OVERLAP = timedelta(minutes=10)
"""How much before its watermark a window begins: a till books a sale some time after it was made."""


@dataclass(frozen=True)
class Due:
    """One reading to be made.

    Attributes:
        cut: day or tick.
        window: of sales: half-open, within the day; None: the whole day.
    """

    cut: str
    window: tuple[datetime, datetime] | None = None


def due(day: str, covered: datetime | None, at: datetime) -> Due | None:
    """What to ask of a day that isn't closed.

    A window goes to the end of the day, not to now: a till whose clock is ahead is heard at once, and the
    watermark never passes the instant of the reading. So no window lies over a midnight.

    Args:
        day: business day, not after that of ``at``.
        covered: its watermark; None: nothing of it has landed.
        at: the instant of asking.

    Returns:
        The whole day where it can be closed or nothing is known of it; None where it is covered to its
        end and can't be closed yet: to ask again would only say the same.
    """
    date = parse_day(day)
    start, end = day_start(date), day_end(date)
    if at >= closable_from(date) or covered is None or covered - OVERLAP <= start:
        return Due(day)
    return None if covered >= end else Due(day, (covered - OVERLAP, end))
