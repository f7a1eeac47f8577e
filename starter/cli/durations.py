"""Durations as people type and read them: `90s`, `10m`, `1h30m`, `2d`."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import typer

_UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_FORM = re.compile(r"(?:(?P<d>\d{1,6})d)?(?:(?P<h>\d{1,6})h)?(?:(?P<m>\d{1,8})m)?(?:(?P<s>\d{1,9}(?:\.\d{1,3})?)s)?")
_LONGEST = timedelta(days=3650)
"""Beyond it a slip of the keyboard is likelier than an intention, and dates would leave the calendar."""


def parse_duration(text: str | timedelta) -> timedelta:
    """`1h30m` → 90 minutes. Raises typer's BadParameter, saying what is expected."""
    if isinstance(text, timedelta):
        return text
    match = _FORM.fullmatch(text.strip().lower())
    given = {_UNITS[unit]: float(number) for unit, number in match.groupdict().items() if number} if match else {}
    if not given:
        raise typer.BadParameter(f"must be a duration such as 30s, 10m, 2h or 1d, not {text[:40]!r}")
    duration = timedelta(**given)
    if duration > _LONGEST:
        raise typer.BadParameter(f"must be at most {_LONGEST.days}d, not {text[:40]!r}")
    return duration


def duration(of: timedelta) -> str:
    """Short text of a duration, two units at most: `45 s`, `12 min`, `1 h 30 min`, `3 d 4 h`."""
    seconds = max(0, round(of.total_seconds()))
    parts: list[str] = []
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        if count or (unit == "s" and not parts):
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2])


def moment(at: datetime) -> str:
    """A time in the reader's own time zone, and how far away it is: `2026-01-31 08:00:00 CET (3 min ago)`."""
    away = at - datetime.now(UTC)
    distance = f"in {duration(away)}" if away > timedelta() else f"{duration(-away)} ago"
    return f"{at.astimezone():%Y-%m-%d %H:%M:%S %Z} ({distance})"
