"""Values as people type and read them on the command line: durations, moments, whole numbers, outcomes."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import typer

from domain.outcomes import Done

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


def parse_moment(text: str | datetime) -> datetime:
    """`2026-11-24T03:00`, `2026-11-24` (both in the reader's time zone), `2026-11-24T03:00Z`, or `2h`: so long ago.

    Raises typer's BadParameter, saying what is expected.
    """
    if isinstance(text, datetime):
        return text
    try:
        return datetime.fromisoformat(text.strip()).astimezone()
    except (ValueError, OverflowError):
        pass
    try:
        return datetime.now(UTC) - parse_duration(text)
    except typer.BadParameter:
        raise typer.BadParameter(
            f"must be a time such as 2026-11-24T03:00, or how long ago, such as 2h or 1d, not {text[:40]!r}"
        ) from None


def whole_number(least: int, most: int) -> Callable[[str | int], int]:
    """A parser for typer that says what is expected where the number doesn't fit."""

    def parse_number(text: str | int) -> int:
        if str(text).isdecimal() and len(str(text)) < 20 and least <= int(text) <= most:
            return int(text)
        raise typer.BadParameter(f"must be a whole number from {least} to {most}, not {str(text)[:40]!r}")

    return parse_number


def done(outcome: Done) -> str:
    """Its reference and facts, as far as there are any: `files/… (rows 31, bytes 48213)`."""
    facts = ", ".join(f"{name} {value}" for name, value in outcome.facts.items())
    return f"{outcome.reference} ({facts})" if outcome.reference and facts else outcome.reference or facts


def visible(text: str) -> str:
    """Without characters that move a terminal's cursor."""
    return "".join(character if character.isprintable() else "�" for character in text.replace("\n", " "))
