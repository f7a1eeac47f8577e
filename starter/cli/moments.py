"""Moments as people type them: a date or a time, or how long ago."""

from __future__ import annotations

from datetime import UTC, datetime

import typer

from starter.cli.durations import parse_duration


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
