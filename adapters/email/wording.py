"""Texts that people typed, and lines of plain text: what is safe, readable and fits."""

from __future__ import annotations

import re
import unicodedata

COLUMNS = 78
"""Longest line of plain text (RFC 5322 recommends it), counted in columns of a fixed-width font."""

FIRST_STRONG_ISOLATE = "\N{FIRST STRONG ISOLATE}"
POP_ISOLATE = "\N{POP DIRECTIONAL ISOLATE}"
RIGHT_TO_LEFT_MARK = "\N{RIGHT-TO-LEFT MARK}"

_BREAKS = re.compile("\r\n|[\r\v\f\x1c-\x1e\x85\u2028\u2029]")
# Control characters, which HTML forbids; halves of surrogate pairs, which can't be encoded; embeddings and overrides
# of direction, with which a name could turn round the text that follows it.
_UNSAFE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066\u2067\ufffe\uffff]")
_SPACES = re.compile("[ \t\n]+")
_ISOLATES = re.compile(f"[{FIRST_STRONG_ISOLATE}{POP_ISOLATE}]")
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]")

# Between wide characters a line may break anywhere, but not after an opening bracket or a currency's sign, nor before a
# closing bracket, a full stop, or a mark that belongs to the character before it.
_NEVER_LAST = ("Ps", "Pi", "Sc", "Cf")
_NEVER_FIRST = ("Pe", "Pf", "Po", "Lm", "Mn", "Me", "Cf")


def clean(text: str) -> str:
    """Take out what would break the mail or its layout; line breaks of all kinds become line feeds."""
    if text.isprintable():  # nearly all are, and this is far cheaper
        return text
    return _UNSAFE.sub("", _BREAKS.sub("\n", text))


def without_isolates(text: str) -> str:
    """Take out the marks that isolate one text's direction from another's."""
    return _ISOLATES.sub("", text)


def one_line(text: str) -> str:
    """Join all lines, and all runs of spaces, with one space; no-break spaces, as in amounts, stay."""
    return _SPACES.sub(" ", clean(text)).strip()


def reads_right_to_left(text: str) -> bool:
    """Tell whether a text has letters that are written from right to left."""
    return not text.isascii() and _RIGHT_TO_LEFT.search(text) is not None


def tidy(text: str, *, right_to_left: bool = False) -> str:
    """Wrap lines, strip white space at their ends, and leave one empty line at most between two.

    With `right_to_left`, each line starts with a mark, since a mail program guesses a line's direction by its start.
    """
    lines: list[str] = []
    for raw in text.strip().splitlines():
        line = raw.rstrip()
        if line:
            lines.extend(_wrap(line))
        elif lines[-1]:
            lines.append("")
    if right_to_left:
        lines = [RIGHT_TO_LEFT_MARK + line if line else line for line in lines]
    return "\n".join(lines) + "\n"


def _wrap(line: str) -> list[str]:
    """Break a line where it has spaces or wide characters; what follows keeps its indentation."""
    if 2 * len(line) <= COLUMNS or columns(line) <= COLUMNS:
        return [line]
    text = line.lstrip()
    indentation = line[: len(line) - len(text)]
    lines: list[str] = []
    current, used = indentation, len(indentation)
    for piece in _pieces(text):
        width = columns(piece.rstrip())
        if used + width > COLUMNS and current.strip():
            lines.append(current.rstrip())
            current, used = indentation, len(indentation)
        current += piece
        used += columns(piece)
    lines.append(current.rstrip())
    return lines


def _pieces(text: str) -> list[str]:
    """Split where a line may be broken; a word that has no such place, such as a link, stays whole."""
    starts = [0, *(n for n in range(1, len(text)) if _may_break(text[n - 1], text[n]))]
    return [text[start:end] for start, end in zip(starts, [*starts[1:], len(text)], strict=True)]


def _may_break(before: str, after: str) -> bool:
    if " " in (before, after):
        return after != " "
    return (
        2 in (_width(before), _width(after))
        and unicodedata.category(before) not in _NEVER_LAST
        and unicodedata.category(after) not in _NEVER_FIRST
    )


def columns(text: str) -> int:
    """Count the columns that a text takes in a fixed-width font."""
    return len(text) if text.isascii() else sum(map(_width, text))


def _width(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
