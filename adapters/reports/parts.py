"""The two ways in which a report is made, and what its parts consist of.

A report is drawn as a whole, or made in parts if it can be larger than what a process should hold. Parts consist of
frames, each of which has its number of rows: so parts are read with little memory, rows need not be counted again, and
a damaged part is noticed.
"""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from adapters.reports.storage import Sink
from domain.errors import ServiceUnavailable
from domain.report_ports import Told
from domain.reports import Report, Slice

_HEAD = struct.Struct(">II")
_DAMAGED = "A part of the report is not as it was written; ask for the report again"


@dataclass(frozen=True)
class Frame:
    """Some rows, in the form that the report's format has for its parts."""

    rows: int
    content: bytes


async def write_frame(sink: Sink, rows: int, content: bytes | memoryview) -> None:
    """Add a frame. Its content is less than 4 GiB."""
    await sink.write(_HEAD.pack(rows, len(content)))
    await sink.write(content)


async def read_frames(pieces: AsyncIterator[bytes]) -> AsyncIterator[Frame]:
    """Read frames from an object's pieces. Raises ServiceUnavailable where they end in the middle of one."""
    held: list[bytes] = []
    size, wanted = 0, _HEAD.size
    rows: int | None = None
    async for piece in pieces:
        held.append(piece)
        size += len(piece)
        if size < wanted:
            continue
        whole, at = b"".join(held), 0
        while size - at >= wanted:
            content, at = whole[at : at + wanted], at + wanted
            if rows is None:
                rows, wanted = _HEAD.unpack(content)
            else:
                yield Frame(rows, content)
                rows, wanted = None, _HEAD.size
        held, size = [whole[at:]], size - at
    if size or rows is not None:
        raise ServiceUnavailable(f"{_DAMAGED} (it ends within a frame).")


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


@dataclass(frozen=True)
class Drawing:
    """A file in memory."""

    content: bytes
    rows: int
    """Rows of data, without headings and totals."""


class WholeReport(Protocol):
    """Makes one kind of report in each of its formats."""

    async def draw(self, report: Report) -> Drawing:
        """Read and draw. Work of more than some milliseconds is done in a thread."""
        ...
