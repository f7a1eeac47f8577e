"""Which days and months a sales summary tells of, and what they are called."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from zoneinfo import ZoneInfo

from adapters.reports.sales_summary.figures import CurrencyFigures
from domain.reports import Report

MOST_DAYS = 62
"""Of a period that is told by days on paper; a longer one is told by months."""
_FEW = 16


def days_told(report: Report, figures: CurrencyFigures) -> list[date]:
    """The days of the period that had begun by `as_of`, those without orders included."""
    until = report.as_of.astimezone(ZoneInfo(report.request.time_zone)).date()
    return [day for day in report.request.span.days() if day <= until or day in figures.by_day]


def is_by_month(report: Report) -> bool:
    """Whether the period is too long to be told by days."""
    return len(report.request.span.days()) > MOST_DAYS


def day_name(day: date) -> str:
    """`Tue 24 Nov`."""
    return f"{day:%a} {day.day} {day:%b}"


def month_name(month: date) -> str:
    """`November 2026`."""
    return f"{month:%B} {month.year}"


def day_labels(days: Sequence[date]) -> list[str]:
    """Below the bars of a chart: as many as have room, empty texts between them."""
    if len({(day.year, day.month) for day in days}) == 1:
        return [str(day.day) for day in days]
    every = 1 if len(days) <= _FEW else 7
    return [f"{day.day} {day:%b}" if number % every == 0 else "" for number, day in enumerate(days)]


def month_labels(months: Sequence[date]) -> list[str]:
    """`Nov`, and with the year where there are two."""
    years = {month.year for month in months}
    return [f"{month:%b} {month:%y}" if len(years) > 1 else f"{month:%b}" for month in months]
