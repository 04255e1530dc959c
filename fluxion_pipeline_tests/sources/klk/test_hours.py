"""Windows cut at midnight cover every instant exactly once."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from fluxion_pipeline.contracts.clock import ZONE, day_end, day_start, parse_day
from fluxion_pipeline.sources.klk.hours import by_day, hours

INSTANTS = st.datetimes(datetime(2025, 11, 1), datetime(2025, 11, 9), timezones=st.just(timezone.utc))  # noqa: DTZ001 hypothesis adds the zone


def test_a_window_over_midnight_is_two() -> None:
    low = datetime(2025, 11, 24, 23, 30, tzinfo=ZONE)
    midnight = datetime(2025, 11, 25, tzinfo=ZONE)
    assert by_day(low, low + timedelta(hours=1)) == (("2025-11-24", (low, midnight)), ("2025-11-25", (midnight, low + timedelta(hours=1))))
    assert [hours(parse_day(day), window) for day, window in by_day(low, low + timedelta(hours=1))] == [{"hora_desde": "23:30:00"}, {"hora_hasta": "00:30:00"}]


@given(INSTANTS, INSTANTS)
def test_every_instant_is_in_one_piece(low: datetime, high: datetime) -> None:
    pieces = by_day(low, high)
    assert sum((b - a for _, (a, b) in pieces), timedelta(0)) == max(high - low, timedelta(0))
    for day, (a, b) in pieces:
        assert day_start(parse_day(day)) <= a < b <= day_end(parse_day(day))


@given(INSTANTS, INSTANTS, INSTANTS)
def test_the_filter_lets_every_line_of_the_window_through(low: datetime, high: datetime, at: datetime) -> None:
    for day, window in by_day(low, high):
        asked = hours(parse_day(day), window)
        for instant in (at, window[0], window[1] - timedelta(microseconds=1)):
            if window[0] <= instant < window[1]:
                told = instant.astimezone(ZONE).strftime("%H:%M:%S.%f9")
                assert asked.get("hora_desde", "00:00:00") + ".0000000" <= told
                assert "hora_hasta" not in asked or told <= asked["hora_hasta"] + ".0000000"
