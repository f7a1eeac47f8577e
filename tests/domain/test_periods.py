from __future__ import annotations

import zoneinfo
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.periods import BadPeriod, Period, day_of, month_before

INSTANT = timedelta(microseconds=1)
# Clocks that change at midnight, by half an hour or not at all, and a day that was left out (Samoa, 30 December 2011).
CHANGING = ["America/Santiago", "Asia/Beirut", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kathmandu", "Africa/Cairo"]
# `localtime` is what this machine has; `Factory` is none.
NAMES = sorted(zoneinfo.available_timezones() - {"localtime", "Factory"})
ZONES = st.sampled_from(CHANGING) | st.sampled_from(NAMES)
YEARS = st.integers(1970, 2998)
MONTHS = st.integers(1, 12)
MOMENTS = st.datetimes(datetime(1971, 1, 1), datetime(2998, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  # as hypothesis wants them


def _partition(whole: Period, parts: list[Period], zone: str) -> bool:
    """Whether the parts follow each other without a gap, from the whole's beginning to its end."""
    bounds = [part.bounds(zone) for part in parts]
    since, until = whole.bounds(zone)
    return [since, *(end for _, end in bounds)] == [*(start for start, _ in bounds), until]


@given(year=YEARS, month=MONTHS, zone=ZONES)
def test_days_partition_their_month(year: int, month: int, zone: str) -> None:
    whole = Period.parse(f"{year}-{month:02}")

    days = [Period.parse(day.isoformat()) for day in whole.days()]

    assert days[0].first == date(year, month, 1)
    assert (days[-1].end.day, (days[-1].end - days[0].first).days) == (1, len(days))
    assert _partition(whole, days, zone)
    assert whole.day_starts(zone) == [*(day.bounds(zone)[0] for day in days), whole.bounds(zone)[1]]
    # A range names the same days.
    assert Period.parse(f"{days[0].text}..{days[-1].text}").bounds(zone) == whole.bounds(zone)


@given(year=YEARS, zone=ZONES)
def test_months_and_quarters_partition_their_year(year: int, zone: str) -> None:
    whole = Period.parse(f"{year}")
    months = [Period.parse(f"{year}-{month:02}") for month in range(1, 13)]
    quarters = [Period.parse(f"{year}-Q{quarter}") for quarter in range(1, 5)]

    assert _partition(whole, months, zone)
    assert _partition(whole, quarters, zone)
    for number, quarter in enumerate(quarters):
        assert _partition(quarter, months[3 * number : 3 * number + 3], zone)


@given(moment=MOMENTS, zone=ZONES)
def test_every_instant_is_in_the_day_that_the_calendar_there_shows(moment: datetime, zone: str) -> None:
    day = day_of(moment, zone)
    since, until = day.bounds(zone)

    # Where clocks go back over midnight, the hour that comes twice belongs to both days' names, but to one day.
    if not since <= moment < until:
        after = Period.parse(day.end.isoformat()).bounds(zone)
        assert after[0] <= moment < after[1]
        assert moment - until < timedelta(hours=3)
    assert until - since <= timedelta(hours=27)


@given(moment=MOMENTS, zone=ZONES)
def test_the_month_before_is_over_when_a_month_has_begun(moment: datetime, zone: str) -> None:
    before = month_before(moment, zone)

    assert before.end == moment.astimezone(zoneinfo.ZoneInfo(zone)).date().replace(day=1)
    assert before.is_over(moment, zone)
    assert not before.is_over(before.bounds(zone)[1] - INSTANT, zone)
    assert before.has_begun(before.bounds(zone)[0], zone)
    assert not before.has_begun(before.bounds(zone)[0] - INSTANT, zone)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("2026-02-29", "not in the calendar"),
        ("2026-13", "not in the calendar"),
        ("2026-11-24..2026-11-23", "ends before it starts"),
        ("2025-01-01..2026-06-01", "longer than 366 days"),
        ("1969", "not between 1970 and 2999"),
        ("3000", "not between 1970 and 2999"),
        ("26-11", "2026-11"),
        ("2026-Q5", "2026-Q4"),
        ("٢٠٢٦", "2026"),
        ("2026-11\n", "2026-11"),
    ],
)
def test_what_is_no_period_is_refused_with_its_reason(text: str, why: str) -> None:
    with pytest.raises(BadPeriod, match=why):
        Period.parse(text)
