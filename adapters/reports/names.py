"""Names that somebody gave to products, made fit to be set on a page."""

from __future__ import annotations

import re

_LONGEST = 160
_UNPRINTABLE = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
"""Line breaks, control characters, and those that turn the direction of all that follows."""
_LONG_WORD = re.compile(r"[!-\u052f]{28,}")
_PIECE = 14


def for_paper(given: str) -> str:
    """One line of text, not longer than a cell can take, that can be broken where a word is too long for a column."""
    name = _UNPRINTABLE.sub(" ", given).strip()
    if len(name) > _LONGEST:
        name = name[:_LONGEST].rstrip() + "…"
    return _LONG_WORD.sub(_breakable, name)


def _breakable(word: re.Match[str]) -> str:
    text = word.group()
    return "\N{ZERO WIDTH SPACE}".join(text[at : at + _PIECE] for at in range(0, len(text), _PIECE))
