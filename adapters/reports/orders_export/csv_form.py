"""The export as CSV: RFC 4180, with headings, in UTF-8 without a byte order mark."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator

from adapters.reports.frames import Frame, write_frame
from adapters.reports.orders_export.columns import NAMES
from adapters.reports.orders_export.statement import FOR_PEOPLE
from adapters.reports.reader import Reader
from adapters.reports.storage import Sink
from domain.report_ports import Told
from domain.reports import Report, Slice

_HEADINGS = ",".join(NAMES).encode() + b"\r\n"


class CsvForm:
    """Implements `adapters.reports.orders_export.form.Form`. Parts are the very bytes of the file."""

    async def write(self, reader: Reader, report: Report, piece: Slice, sink: Sink, told: Told) -> int:
        """PostgreSQL's own rows, whose ends become those of RFC 4180."""
        # PostgreSQL ends rows with a bare line feed, which texts can hold as well. So a last column marks where a row
        # ends; random, for else a text could hold the mark.
        mark = secrets.token_hex(4)
        end = f",{mark}\n".encode()
        rows = 0

        async def taken(block: bytes) -> None:
            nonlocal rows
            number = block.count(end)
            await write_frame(sink, number, block.replace(end, b"\r\n"))
            rows += number
            told(rows)

        await reader.copy(
            FOR_PEOPLE, piece.since, piece.until, report.as_of, mark, taken=taken, zone=report.request.time_zone
        )
        return rows

    async def join(self, report: Report, frames: AsyncIterator[Frame], sink: Sink) -> None:  # noqa: ARG002  # CSV has no place to tell of it
        """Headings, then the rows of all parts as they are."""
        await sink.write(_HEADINGS)
        async for frame in frames:
            await sink.write(frame.content)
