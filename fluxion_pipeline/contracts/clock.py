"""Local time of the stores, in one place: business days, ticks and instants.

The stores keep the time of America/Caracas (UTC−4 since 2016-05-01, no DST); every instant that is
stored is aware. Cuts are text: a business day ``YYYY-MM-DD``, a stock tick ``YYYY-MM-DDTHHMM``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

from fluxion_pipeline.errors import ContractError

ZONE_NAME = "America/Caracas"
ZONE = ZoneInfo(ZONE_NAME)
UTC = timezone.utc
CLOSE_MARGIN = timedelta(hours=2)
"""How long after the end of a business day a reading must begin to close it: tills upload late."""

Clock = Callable[[], datetime]
"""A function that returns the current instant, aware; passed in wherever time matters."""

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_TICK = re.compile(r"\d{4}-\d{2}-\d{2}T\d{4}", re.ASCII)


def now() -> datetime:
    """The current instant, in UTC."""
    return datetime.now(UTC)


def parse_day(text: str) -> date:
    """A business day from ``YYYY-MM-DD``.

    Raises:
        ContractError: if the text is not such a day.
    """
    if _DAY.fullmatch(text):
        try:
            return date.fromisoformat(text)
        except ValueError:
            pass
    raise ContractError(f"«{text}» is not a day", "write it as YYYY-MM-DD")


def parse_tick(text: str) -> datetime:
    """The instant (aware, UTC) of a local tick ``YYYY-MM-DDTHHMM``.

    Raises:
        ContractError: if the text is not such a tick.
    """
    if _TICK.fullmatch(text):
        try:
            naive = datetime(int(text[:4]), int(text[5:7]), int(text[8:10]), int(text[11:13]), int(text[13:15]))  # noqa: DTZ001 local by definition
        except ValueError:
            pass
        else:
            return naive.replace(tzinfo=ZONE).astimezone(UTC)
    raise ContractError(f"«{text}» is not a tick", "write it as YYYY-MM-DDTHHMM, local time of the store")


def tick_text(instant: datetime) -> str:
    """The local ``YYYY-MM-DDTHHMM`` of an instant."""
    return instant.astimezone(ZONE).strftime("%Y-%m-%dT%H%M")


def local_day(instant: datetime) -> date:
    """The business day (local date) of an instant."""
    return instant.astimezone(ZONE).date()


def day_start(day: date) -> datetime:
    """The instant (UTC) at which a business day begins."""
    return datetime.combine(day, time(0), ZONE).astimezone(UTC)


def day_end(day: date) -> datetime:
    """The instant (UTC) at which a business day ends."""
    return day_start(day + timedelta(days=1))


def closable_from(day: date) -> datetime:
    """The first instant at which a reading in full may close the business day."""
    return day_end(day) + CLOSE_MARGIN
