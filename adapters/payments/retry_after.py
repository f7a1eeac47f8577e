"""HTTP's Retry-After, as seconds or as a date (RFC 9110, 10.2.3)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

LONGEST = timedelta(days=1)
"""A longer wait is not believed: it would only ever end in a job that is given up."""

_DIGITS = 6
"""More make more than a day, and more than 4300 no number at all in Python."""

_SECONDS = re.compile(r"\s*0*([0-9]+?)(\.[0-9]*)?\s*", re.ASCII)


def retry_after(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """The shortest wait that the other side asked for, from nothing to a day; None where it asked for none.

    `headers` must not care about upper and lower case. A date is compared with the answer's own `Date`, since the two
    clocks may differ; `now` is used where the answer has none.
    """
    value = headers.get("retry-after", "")
    if seconds := _SECONDS.fullmatch(value):
        return LONGEST if len(seconds[1]) > _DIGITS else min(timedelta(seconds=int(seconds[1])), LONGEST)
    until = _date(value)
    if until is None:
        return None
    return min(max(until - (_date(headers.get("date", "")) or now), timedelta()), LONGEST)


def _date(value: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(value)
        # A zone of -0000 comes as none at all. HTTP's dates are always UTC.
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):  # no date, or one that no calendar has
        return None
