"""Whole numbers on the command line."""

from __future__ import annotations

from collections.abc import Callable

import typer


def whole_number(least: int, most: int) -> Callable[[str | int], int]:
    """A parser for typer that says what is expected where the number doesn't fit."""

    def parse_number(text: str | int) -> int:
        if str(text).isdecimal() and len(str(text)) < 20 and least <= int(text) <= most:
            return int(text)
        raise typer.BadParameter(f"must be a whole number from {least} to {most}, not {str(text)[:40]!r}")

    return parse_number
