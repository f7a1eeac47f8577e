"""A report that is made in parts, since it can be larger than what a process should hold."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from adapters.reports.frames import Frame
from adapters.reports.storage import Sink
from domain.report_ports import Told
from domain.reports import Report, Slice


class SlicedReport(Protocol):
    """Makes one kind of report in each of its formats. Each call may raise a `TransientError` or a `PermanentError`."""

    async def plan(self, report: Report) -> Sequence[Slice]:
        """Cut the period into slices of about the same size; one at least. Each row is in exactly one of them."""
        ...

    async def write(self, report: Report, piece: Slice, sink: Sink, told: Told) -> int:
        """Write a slice's rows as frames; returns their number."""
        ...

    async def join(self, report: Report, frames: AsyncIterator[Frame], sink: Sink) -> None:
        """Write the file from the frames of all parts in their order: the same bytes each time."""
        ...
