"""KLK's filter of hours lets every line of a window through, and no window over midnight comes to it."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxion_pipeline.contracts.clock import ZONE, day_end, day_start, local_day, parse_day
from fluxion_pipeline.errors import ContractError
from fluxion_pipeline.sources.klk.hours import hours

INSTANTS = st.datetimes(datetime(2025, 11, 1), datetime(2025, 11, 9), timezones=st.just(timezone.utc))  # noqa: DTZ001 hypothesis adds the zone


def test_a_window_to_midnight_has_no_end_and_one_from_midnight_no_beginning() -> None:
    midnight, hour = datetime(2025, 11, 25, tzinfo=ZONE), timedelta(hours=1)
    assert hours(parse_day("2025-11-24"), (midnight - hour, midnight)) == {"hora_desde": "23:00:00"}
    assert hours(parse_day("2025-11-25"), (midnight, midnight + hour)) == {"hora_hasta": "01:00:00"}


@pytest.mark.parametrize("hour", [-2, 0])
def test_a_window_over_midnight_or_of_nothing_is_refused(hour: int) -> None:
    midnight = datetime(2025, 11, 25, tzinfo=ZONE)
    with pytest.raises(ContractError, match="not within 2025-11-25"):
        hours(parse_day("2025-11-25"), (midnight + timedelta(hours=hour), midnight))


@given(INSTANTS, st.timedeltas(timedelta(microseconds=1), timedelta(days=1)), INSTANTS)
def test_the_filter_lets_every_line_of_the_window_through(low: datetime, long: timedelta, at: datetime) -> None:
    day = local_day(low)
    window = low, min(low + long, day_end(day))
    asked = hours(day, window)
    for instant in (at, window[0], window[1] - timedelta(microseconds=1)):
        if window[0] <= instant < window[1]:
            assert day_start(day) <= instant
            told = instant.astimezone(ZONE).strftime("%H:%M:%S.%f9")
            assert asked.get("hora_desde", "00:00:00") + ".0000000" <= told
            assert "hora_hasta" not in asked or told <= asked["hora_hasta"] + ".0000000"
