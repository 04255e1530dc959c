"""Which tick the stock of now is read as."""

from __future__ import annotations

from datetime import datetime

import pytest

from fluxion_pipeline.contracts.clock import UTC, ZONE, parse_day
from fluxion_pipeline.contracts.ticks import latest_tick, ticks_of


@pytest.mark.parametrize(
    ("now", "tick"),
    [
        ("2025-11-24T12:00", "2025-11-24T1200"),
        ("2025-11-24T12:29", "2025-11-24T1200"),
        ("2025-11-24T06:00", "2025-11-24T0600"),
        ("2025-11-24T05:59", "2025-11-23T2230"),
        ("2025-11-24T00:00", "2025-11-23T2230"),
        ("2025-11-24T23:59", "2025-11-24T2230"),
        ("2025-03-01T03:00", "2025-02-28T2230"),
    ],
)
def test_the_latest_scheduled_tick_that_is_not_after_now(now: str, tick: str) -> None:
    local = datetime.fromisoformat(now).replace(tzinfo=ZONE)
    assert latest_tick(local) == latest_tick(local.astimezone(UTC)) == tick


def test_a_day_has_34_ticks_and_the_latest_is_one_of_them() -> None:
    found = ticks_of(parse_day("2025-11-24"))
    assert (len(found), found[0], found[-1]) == (34, "2025-11-24T0600", "2025-11-24T2230")
    assert latest_tick(datetime(2025, 11, 24, 13, 44, tzinfo=ZONE)) in found
