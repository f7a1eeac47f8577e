"""A report that is read in one snapshot of the database and drawn at once, since what it tells is small."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from domain.reports import Report


@dataclass(frozen=True)
class Drawing:
    """A file in memory."""

    content: bytes
    rows: int
    """Rows of data, without headings and totals."""


class WholeReport(Protocol):
    """Makes one kind of report in each of its formats."""

    async def draw(self, report: Report) -> Drawing:
        """Read and draw. Work of more than some milliseconds is done in a thread, so that others are not held up."""
        ...
