"""Periods that reports are of, and time zones by their IANA names."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field

LONGEST = timedelta(days=366)
"""Of a period that a report can be asked for."""
_FIRST_YEAR, _LAST_YEAR = 1970, 2999

_FORMS = (
    (r"(\d{4})-(\d{2})-(\d{2})\.\.(\d{4})-(\d{2})-(\d{2})", "a range of days"),
    (r"(\d{4})-(\d{2})-(\d{2})", "a day"),
    (r"(\d{4})-Q([1-4])", "a quarter"),
    (r"(\d{4})-(\d{2})", "a month"),
    (r"(\d{4})", "a year"),
)
PATTERN = r"^[0-9]{4}(-Q[1-4]|-[0-9]{2}(-[0-9]{2}(\.\.[0-9]{4}-[0-9]{2}-[0-9]{2})?)?)?$"
"""What the text of a period looks like."""
FORMS = "2026, 2026-Q4, 2026-11, 2026-11-24 or 2026-11-01..2026-11-24 (both days included)"
"""For people."""


class BadPeriod(ValueError):
    """The text is no period, or one that no report can be of."""


@dataclass(frozen=True)
class Period:
    """Whole days, from the first one to the one before `end`."""

    text: str
    """As it was asked for: `2026-11`."""
    first: date
    end: date
    """The day after the last one."""

    @classmethod
    def parse(cls, text: str) -> Period:
        """Read a period. Raises BadPeriod, which says what is wrong with it."""
        for number, (form, _) in enumerate(_FORMS):
            if found := re.fullmatch(form, text, re.ASCII):
                parts = tuple(map(int, found.groups()))
                try:
                    first, end = _READ[number](parts)
                except (ValueError, OverflowError):
                    raise BadPeriod(f"{text} is not in the calendar") from None
                if not _FIRST_YEAR <= first.year <= _LAST_YEAR:
                    raise BadPeriod(f"{text} is not between {_FIRST_YEAR} and {_LAST_YEAR}")
                if end <= first:
                    raise BadPeriod(f"{text} ends before it starts")
                if end - first > LONGEST:
                    raise BadPeriod(f"{text} is longer than {LONGEST.days} days: ask for a part of it")
                return cls(text, first, end)
        raise BadPeriod(f"{text!r} is no period: write it as {FORMS}")

    def bounds(self, zone: str) -> tuple[datetime, datetime]:
        """Its instants in a time zone, in UTC: from the first one to before the second."""
        return day_start(self.first, zone), day_start(self.end, zone)

    def days(self) -> list[date]:
        """All its days."""
        return [self.first + timedelta(days=n) for n in range((self.end - self.first).days)]

    def day_starts(self, zone: str) -> list[datetime]:
        """The instants, in UTC, at which its days begin, and the one at which the last of them ends."""
        return [day_start(day, zone) for day in [*self.days(), self.end]]

    def is_over(self, at: datetime, zone: str) -> bool:
        """Whether it has ended by then."""
        return self.bounds(zone)[1] <= at

    def has_begun(self, at: datetime, zone: str) -> bool:
        """Whether it has begun by then."""
        return self.bounds(zone)[0] <= at


def day_start(day: date, zone: str) -> datetime:
    """The instant, in UTC, at which a day begins in a time zone.

    Where clocks go forward at midnight, the day begins with the hour after; where they go back to the day before, it
    begins when midnight comes for the first time.
    """
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)


def month_before(moment: datetime, zone: str) -> Period:
    """The month before the one in which a moment lies in a time zone."""
    local = moment.astimezone(ZoneInfo(zone))
    last = date(local.year, local.month, 1) - timedelta(days=1)
    return Period.parse(f"{last.year:04}-{last.month:02}")


def day_of(moment: datetime, zone: str) -> Period:
    """The day on which a moment lies in a time zone."""
    return Period.parse(moment.astimezone(ZoneInfo(zone)).date().isoformat())


def _after(year: int, month: int) -> date:
    return date(year + month // 12, month % 12 + 1, 1)


_READ: tuple[Callable[[tuple[int, ...]], tuple[date, date]], ...] = (
    lambda p: (date(*p[:3]), date(*p[3:]) + timedelta(days=1)),
    lambda p: (date(*p), date(*p) + timedelta(days=1)),
    lambda p: (date(p[0], 3 * p[1] - 2, 1), _after(p[0], 3 * p[1])),
    lambda p: (date(p[0], p[1], 1), _after(p[0], p[1])),
    lambda p: (date(p[0], 1, 1), date(p[0] + 1, 1, 1)),
)


def _known(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("must be the IANA name of a time zone, such as Europe/Zurich") from None
    return name


TimeZone = Annotated[
    str,
    Field(
        min_length=1,
        max_length=64,
        pattern=r"^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*$",
        description="Time zone by its IANA name",
        examples=["Europe/Zurich"],
    ),
    AfterValidator(_known),
]
"""IANA name of a time zone: `Europe/Zurich`, `UTC`."""
