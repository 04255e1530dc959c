"""Local time of the stores: days, ticks and instants, at the edges."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxion_pipeline.contracts import clock
from fluxion_pipeline.errors import ContractError

UTC = timezone.utc
INSTANTS = st.datetimes(datetime(2017, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 bounds


def test_a_business_day_is_the_local_day_four_hours_behind_utc() -> None:
    assert clock.day_start(date(2025, 11, 24)) == datetime(2025, 11, 24, 4, tzinfo=UTC)
    assert clock.day_end(date(2025, 11, 24)) == datetime(2025, 11, 25, 4, tzinfo=UTC)
    assert clock.local_day(datetime(2025, 11, 25, 3, 59, 59, 999999, tzinfo=UTC)) == date(2025, 11, 24)
    assert clock.local_day(datetime(2025, 11, 25, 4, tzinfo=UTC)) == date(2025, 11, 25)


def test_a_day_may_be_closed_two_hours_after_its_end() -> None:
    assert clock.closable_from(date(2025, 12, 31)) == datetime(2026, 1, 1, 6, tzinfo=UTC)


def test_a_tick_is_local_text_and_an_instant() -> None:
    assert clock.parse_tick("2025-11-24T2230") == datetime(2025, 11, 25, 2, 30, tzinfo=UTC)
    assert clock.tick_text(datetime(2025, 11, 25, 2, 30, tzinfo=UTC)) == "2025-11-24T2230"
    assert clock.parse_tick("2025-11-24T0000").utcoffset() == timedelta(0)


@given(INSTANTS)
def test_a_tick_survives_being_written(instant: datetime) -> None:
    minute = instant.replace(second=0, microsecond=0)
    text = clock.tick_text(instant)
    assert clock.parse_tick(text) == minute
    assert text[:10] == clock.local_day(instant).isoformat()


@given(INSTANTS)
def test_an_instant_lies_in_its_business_day(instant: datetime) -> None:
    day = clock.local_day(instant)
    assert clock.day_start(day) <= instant < clock.day_end(day)
    assert clock.day_end(day) - clock.day_start(day) == timedelta(days=1)
    assert clock.parse_day(day.isoformat()) == day


@pytest.mark.parametrize(
    "text", ["", "2025-11-31", "2025-02-29", "2025-13-01", "25-11-24", "2025-11-24 ", "2025-11-24\n", "20251124", "2025-W01-1", "٢٠٢٥-١١-٢٤"]
)
def test_what_is_no_day_is_refused(text: str) -> None:
    with pytest.raises(ContractError, match="is not a day") as error:
        clock.parse_day(text)
    assert "YYYY-MM-DD" in error.value.remedy


@pytest.mark.parametrize(
    "text",
    ["", "2025-11-24", "2025-11-24T2400", "2025-11-24T0660", "2025-11-24T06:30", "2025-11-24T063", "2025-11-31T0630", "2025-11-24t0630", "٢٠٢٥-١١-٢٤T٠٦٣٠"],
)
def test_what_is_no_tick_is_refused(text: str) -> None:
    with pytest.raises(ContractError, match="is not a tick"):
        clock.parse_tick(text)


def test_now_is_aware() -> None:
    assert clock.now().utcoffset() == timedelta(0)
