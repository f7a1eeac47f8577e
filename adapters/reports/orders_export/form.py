"""What a format of the export is: how its parts are written, and joined to the file."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from adapters.reports.frames import Frame
from adapters.reports.reader import Reader
from adapters.reports.storage import Sink
from domain.report_ports import Told
from domain.reports import Report, Slice


class Form(Protocol):
    """A format of the export."""

    async def write(self, reader: Reader, report: Report, piece: Slice, sink: Sink, told: Told) -> int:
        """Read a slice's rows, and write them as frames; returns their number."""
        ...

    async def join(self, report: Report, frames: AsyncIterator[Frame], sink: Sink) -> None:
        """Write the file from all frames, in little memory; the same bytes each time."""
        ...
