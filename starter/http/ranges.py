"""The header `Range`: a part of a file, so that a download that broke off can go on (RFC 9110, 14)."""

from __future__ import annotations

import re
from dataclasses import dataclass

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII | re.IGNORECASE)


class NotSatisfiable(Exception):
    """No byte of the file is in the range."""


@dataclass(frozen=True)
class Span:
    """Bytes from `start` to before `end`."""

    start: int
    end: int

    def header(self, length: int) -> str:
        """The answer's `Content-Range`."""
        return f"bytes {self.start}-{self.end - 1}/{length}"


def span_of(wanted: str | None, length: int) -> Span | None:
    """What is asked for of a file of this length; None where that is all of it. Raises NotSatisfiable.

    Several ranges at once, and what is no range, get all of it, as the RFC permits.
    """
    found = _RANGE.fullmatch(wanted.replace(" ", "")) if wanted else None
    if found is None or found[0].endswith("=-"):
        return None
    first, last = found.groups()
    if not first:
        start, end = max(0, length - int(last)), length
    else:
        start, end = int(first), min(int(last) + 1, length) if last else length
        if last and int(last) < start:
            return None  # it is no range
    if start >= end:
        raise NotSatisfiable
    return Span(start, end)
