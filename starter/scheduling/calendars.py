"""When a schedule is due: crontab's five fields, or a calendar with its fields by name, read as Temporal reads them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from temporalio.api.schedule.v1 import Range, StructuredCalendarSpec
from temporalio.client import ScheduleCalendarSpec, ScheduleRange

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FULL_NAMES = {
    **{name: name[:3] for name in ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")},
    **dict(
        zip(
            (
                *("january", "february", "march", "april", "may", "june"),
                *("july", "august", "september", "october", "november", "december"),
            ),
            _MONTHS,
            strict=True,
        )
    ),
}
_LONGEST_MONTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)

FIRST_YEAR, LAST_YEAR = 2000, 2100
"""Of a year that a calendar can name, as Temporal has it."""

SHORTHANDS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}


class BadTime(ValueError):
    """A cron line or a calendar that means nothing, never comes, or means another thing than crontab's."""


@dataclass(frozen=True)
class Calendar:
    """The moments at which all of these match, in the schedule's time zone.

    Each field is written as in a crontab: `*`, `5`, `1-5`, `*/15`, `5-50/15`, a list with commas, names of months and
    days of the week (0 and 7 are Sunday). Raises BadTime.
    """

    second: str = "0"
    minute: str = "0"
    hour: str = "0"
    day_of_month: str = "*"
    month: str = "*"
    year: str = "*"
    day_of_week: str = "*"

    def __post_init__(self) -> None:
        self.spec()

    def __str__(self) -> str:
        return calendar_text(self.spec())

    def spec(self) -> ScheduleCalendarSpec:
        """As Temporal takes it; it tells it back in the same form."""
        days = _numbers("day of month", self.day_of_month, 1, 31)
        months = _numbers("month", self.month, 1, 12, _MONTHS)
        if all(min(days) > _LONGEST_MONTHS[month - 1] for month in months):
            raise BadTime(f"day {self.day_of_month} of month {self.month} never comes")
        week = {day % 7 for day in _numbers("day of week", self.day_of_week, 0, 7, _DAYS)}
        return ScheduleCalendarSpec(
            second=ranges(_numbers("second", self.second, 0, 59)),
            minute=ranges(_numbers("minute", self.minute, 0, 59)),
            hour=ranges(_numbers("hour", self.hour, 0, 23)),
            day_of_month=ranges(days),
            month=ranges(months),
            year=() if self.year == "*" else ranges(_numbers("year", self.year, FIRST_YEAR, LAST_YEAR)),
            day_of_week=ranges(week),
        )


def from_cron(line: str) -> Calendar:
    """Read a crontab's five fields, or `@daily` and its like. Raises BadTime, which says what to write instead."""
    fields = SHORTHANDS.get(line.strip(), line).split()
    if len(fields) == 6:
        raise BadTime(
            f"cron {line!r} has six fields: Spring's and node-cron's first one is the second; leave it out, or give a "
            f"calendar=Calendar(second=…)"
        )
    if len(fields) != 5:
        raise BadTime(f"cron {line!r} does not have the five fields minute, hour, day of month, month, day of week")
    minute, hour, day, month, week = fields
    if "?" in fields:
        raise BadTime(f"cron {line!r}: write * where Spring has ?")
    try:
        calendar = Calendar(minute=minute, hour=hour, day_of_month=day, month=month, day_of_week=week)
    except BadTime as exc:
        raise BadTime(f"cron {line!r}: {exc}") from None
    if not day.startswith("*") and not week.startswith("*"):
        raise BadTime(
            f"cron {line!r}: crontab runs this where either day matches, Temporal where both do. Declare a schedule "
            f"for each, or calendar=Calendar(day_of_month={day!r}, day_of_week={week!r}, …) for both"
        )
    return calendar


def numbers(given: Iterable[ScheduleRange | Range]) -> set[int]:
    """All that match."""
    return {n for each in given for n in range(each.start, max(each.start, each.end) + 1, each.step or 1)}


def ranges(numbers: Iterable[int]) -> tuple[ScheduleRange, ...]:
    """Numbers as Temporal's ranges: one with a step where they are evenly spaced, else their runs."""
    ordered = sorted(set(numbers))
    steps = {after - before for before, after in pairwise(ordered)}
    if len(ordered) > 2 and len(steps) == 1:
        return (ScheduleRange(ordered[0], ordered[-1], steps.pop()),)
    found: list[ScheduleRange] = []
    for number in ordered:
        if found and found[-1].end == number - 1:
            found[-1] = ScheduleRange(found[-1].start, number)
        else:
            found.append(ScheduleRange(number))
    return tuple(found)


def calendar_text(calendar: ScheduleCalendarSpec | StructuredCalendarSpec) -> str:
    """As a crontab has it; seconds and years are named where there are any. Equal texts mean equal moments."""
    second, year = _matches(calendar.second, 0, 59), _matches(calendar.year, FIRST_YEAR, LAST_YEAR)
    five = " ".join(
        (
            _matches(calendar.minute, 0, 59),
            _matches(calendar.hour, 0, 23),
            _matches(calendar.day_of_month, 1, 31),
            _matches(calendar.month, 1, 12),
            _matches(calendar.day_of_week, 0, 6),
        )
    )
    return (
        five
        + (f" second {second}" if second != "0" else "")
        + (f" year {year}" if calendar.year and year != "*" else "")
    )


def _matches(given: Iterable[ScheduleRange | Range], low: int, high: int) -> str:
    numbers = sorted({n for each in given for n in range(each.start, max(each.start, each.end) + 1, each.step or 1)})
    step = numbers[1] - numbers[0] if len(numbers) > 1 else 0
    if step and numbers == list(range(low, high + 1, step)):
        return "*" if step == 1 else f"*/{step}"
    return ",".join(
        _span(each.start, each.end) + (f"/{each.step}" if each.step > 1 else "") for each in ranges(numbers)
    )


def _span(start: int, end: int) -> str:
    return str(start) if start == end else f"{start}-{end}"


def _numbers(name: str, text: str, low: int, high: int, names: tuple[str, ...] = ()) -> set[int]:
    found_all: set[int] = set()
    for part in text.split(","):
        found = re.fullmatch(r"(\*|(\w+)(?:-(\w+))?)(?:/(\d+))?", part, re.ASCII)
        if found is None:
            raise BadTime(f"{name} {text!r} is not of the form *, 5, 1-5, */15 or 1,2,3")
        if found[1] == "*":
            first, last = low, high
        else:
            first = _number(found[2], names, name, low, high)
            # `5/15` is every fifteenth from the fifth on.
            last = _number(found[3], names, name, low, high) if found[3] else (high if found[4] else first)
        step = int(found[4] or 1)
        if last < first or step == 0:
            raise BadTime(f"{name} {part!r} matches nothing")
        found_all |= set(range(first, last + 1, step))
    return found_all


def _number(text: str, names: tuple[str, ...], name: str, low: int, high: int) -> int:
    short = _FULL_NAMES.get(text.lower(), text.lower())
    if short in names:
        return names.index(short) + (1 if names is _MONTHS else 0)
    if not text.isdecimal() or not low <= int(text) <= high:
        raise BadTime(f"{name} {text!r} is not from {low} to {high}" + (" nor a name" if names else ""))
    return int(text)
