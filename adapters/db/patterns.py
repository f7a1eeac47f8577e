"""Patterns of requests in PostgreSQL's own language, so that the database can check a text before it is enqueued.

pydantic's patterns are regular expressions of Rust. Few read differently in PostgreSQL, but those few would refuse what
is valid: what white space, a digit or a letter is depends there on the database's locale. So a pattern is written anew
from the parts that are known to mean the same; where they don't suffice, it is left to the relay. A pattern may let
more through than the original one, never less.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_WHITE_SPACE = r"\u0009-\u000D\u0020\u0085\u00A0\u1680\u2000-\u200A\u2028\u2029\u202F\u205F\u3000"
_BEYOND_ASCII = r"\u0080-\U0010FFFF"
_MOST_REPEATS = 255
"""PostgreSQL's limit."""

_ANY_OF = {
    "s": _WHITE_SPACE,
    # Rust knows the digits and letters of all scripts: here, whatever is not ASCII may be one.
    "d": "0-9" + _BEYOND_ASCII,
    "w": "A-Za-z0-9_" + _BEYOND_ASCII,
}
_NONE_OF = {"s": _WHITE_SPACE, "d": "0-9", "w": "A-Za-z0-9_"}
_CONTROL = {"n": r"\n", "r": r"\r", "t": r"\t"}
_REPEATS = re.compile(r"[*+?]|\{(\d+)(?:(,)(\d*))?\}")
_LITERAL_PUNCTUATION = frozenset("!\"#$%&'()*+,-./:;=?@[\\]^_`{|}~")


def translated(pattern: str) -> str | None:
    """The pattern for PostgreSQL's `~`; None where it holds something that may mean another thing there."""
    try:
        return "".join(_parts(_Reader(pattern)))
    except _Unknown:
        return None


class _Unknown(Exception):
    """A part that is not known to mean the same."""


class _Reader:
    """Reads a pattern from left to right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def __bool__(self) -> bool:
        return self._at < len(self._text)

    def next(self) -> str:
        if not self:
            raise _Unknown
        self._at += 1
        return self._text[self._at - 1]

    def take(self, form: re.Pattern[str] | str) -> re.Match[str] | None:
        found = re.compile(form).match(self._text, self._at)
        if found:
            self._at = found.end()
        return found


def _parts(reader: _Reader) -> Iterator[str]:
    may_repeat = False
    while reader:
        if repeats := reader.take(_REPEATS):
            if not may_repeat or any(int(number or 0) > _MOST_REPEATS for number in repeats.group(1, 3)):
                raise _Unknown
            may_repeat = False  # two in a row are read differently
            yield repeats[0]
            continue
        found = reader.next()
        may_repeat = found not in "(|^$"
        match found:
            case "(":
                if reader.take(r"\?(?!:)"):
                    raise _Unknown
                reader.take(r"\?:")
                yield "(?:"
            case ")" | "|" | "^" | "$":
                yield found
            case ".":
                yield r"[^\n]"
            case "[":
                yield _bracket(reader)
            case "\\":
                yield _escape(reader)
            case "*" | "+" | "?" | "{" | "}" | "]":
                raise _Unknown
            case _:
                yield found if found.isalnum() else _escaped(found)


def _escape(reader: _Reader) -> str:
    found = reader.next()
    if found.lower() in _ANY_OF:
        return f"[{_ANY_OF[found]}]" if found.islower() else f"[^{_NONE_OF[found.lower()]}]"
    return _literal_escape(found)


def _bracket(reader: _Reader) -> str:
    negated = reader.take(r"\^") is not None
    classes = _NONE_OF if negated else _ANY_OF
    items: list[str] = []
    while not (items and reader.take(r"\]")):
        # Nested sets, and differences and intersections of sets, are Rust's alone.
        if reader.take(r"\[|\]|&&|~~|--"):
            raise _Unknown
        if escaped_class := reader.take(r"\\([sdw])"):
            items.append(classes[escaped_class[1]])
            if reader.take(r"-(?!\])"):
                raise _Unknown
            continue
        first = _bracket_literal(reader)
        if reader.take(r"-(?![\]-])"):
            first += "-" + _bracket_literal(reader)
        items.append(first)
    return f"[{'^' if negated else ''}{''.join(items)}]"


def _bracket_literal(reader: _Reader) -> str:
    found = reader.next()
    if found == "\\":
        return _literal_escape(reader.next())
    if found == "[":
        raise _Unknown
    return found if found.isalnum() else _escaped(found)


def _literal_escape(found: str) -> str:
    if found in _LITERAL_PUNCTUATION:
        return _escaped(found)
    if found in _CONTROL:
        return _CONTROL[found]
    raise _Unknown


def _escaped(character: str) -> str:
    return "\\" + character if character.isascii() else character
