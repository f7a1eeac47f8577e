"""What parts of reports consist of: frames, each of which tells how many rows it has.

So a part can be read with little memory, whoever joins the parts need not count rows again, and a part that is not as
it was written is noticed.
"""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass

from adapters.reports.storage import Sink
from domain.errors import ServiceUnavailable

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
