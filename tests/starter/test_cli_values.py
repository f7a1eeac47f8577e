"""Durations as people type and read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import typer

from starter.cli.values import duration, moment, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30), ("1.5s", 1.5), ("10m", 600), ("2h", 7200), ("1d", 86_400), ("1h30m", 5400), (" 1D2H ", 93_600)],
)
def test_a_duration_is_numbers_with_units(text: str, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "10", "s", "-1s", "1w", "1m1h", "1h 30m", "1.5h", "10 minutes", "9" * 99 + "d"])
def test_what_is_no_duration_is_refused_with_examples(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="30s, 10m, 2h or 1d"):
        parse_duration(text)


def test_a_duration_of_more_than_ten_years_is_taken_for_a_slip() -> None:
    with pytest.raises(typer.BadParameter, match="at most 3650d"):
        parse_duration("3651d")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (0.4, "0 s"), (45, "45 s"), (60, "1 min"), (90, "1 min 30 s"), (3600, "1 h"), (100_000, "1 d 3 h")],
)
def test_a_duration_is_shown_in_two_units_at_most(seconds: float, text: str) -> None:
    assert duration(timedelta(seconds=seconds)) == text


def test_a_moment_says_how_far_away_it_is() -> None:
    now = datetime.now(UTC)

    assert moment(now - timedelta(days=2)).endswith("(2 d ago)")
    assert "(in " in moment(now + timedelta(minutes=5))
