"""What stands above every report: its title, period, time zone, and as of when it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from domain.periods import Period
from domain.reports import Report


@dataclass(frozen=True)
class Heading:
    """Texts in English, as are all of a report's own."""

    title: str
    period: str
    """`November 2026`"""
    days: str
    """`1 November 2026` to `30 November 2026`, with a dash; empty where the period says it."""
    zone: str
    as_of: str
    """`24 November 2026, 14:05 (UTC+01:00)`"""
    is_over: bool
    """Whether the period had ended by then."""


def heading_of(report: Report, title: str) -> Heading:
    """Tell a report's heading."""
    zone = report.request.time_zone
    period = report.request.span
    named, last = _named(period), period.end - timedelta(days=1)
    days = "" if period.first == last else f"{day(period.first)} \N{EN DASH} {day(last)}"
    return Heading(
        title=title,
        period=named,
        days="" if days == named else days,
        zone=zone,
        as_of=moment(report.as_of, zone),
        is_over=period.is_over(report.as_of, zone),
    )


def day(of: date) -> str:
    """`1 November 2026`."""
    return f"{of.day} {of:%B} {of.year}"


def moment(at: datetime, zone: str) -> str:
    """`24 November 2026, 14:05 (UTC+01:00)`."""
    local = at.astimezone(ZoneInfo(zone))
    return f"{day(local.date())}, {local:%H:%M} (UTC{local.isoformat()[-6:]})"


def short_moment(at: datetime, zone: str) -> str:
    """`2026-11-24 14:05`, for tables."""
    return f"{at.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}"


def _named(period: Period) -> str:
    first, text = period.first, period.text
    if ".." in text:
        return f"{day(first)} \N{EN DASH} {day(period.end - timedelta(days=1))}"
    if "Q" in text:
        return f"{_quarter(first.month)} quarter {first.year}"
    return {4: f"{first.year}", 7: f"{first:%B} {first.year}"}.get(len(text), f"{first:%A}, {day(first)}")


def _quarter(month: int) -> str:
    return ("First", "Second", "Third", "Fourth")[(month - 1) // 3]
