"""The export as Parquet: exact money, times with their zone, row groups of some hundred thousand rows."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator

import pyarrow as pa
from pyarrow import parquet

from adapters.reports.frames import Frame
from adapters.reports.orders_export import arrow_parts
from adapters.reports.orders_export.columns import COLUMNS, Sort
from adapters.reports.reader import Reader
from adapters.reports.storage import Sink
from adapters.reports.threads import Threads
from domain.report_ports import Told
from domain.reports import Report, Slice

_ROW_GROUP = 60_000
"""Rows, at least: what is in memory at a time. Readers skip and read side by side by row groups."""
_REPEATED = [column.name for column in COLUMNS if column.sort in (Sort.text, Sort.word)]
"""Columns that are written as a dictionary and numbers into it. For the others, that made files larger and slower."""


class ParquetForm:
    """Implements `adapters.reports.orders_export.form.Form`."""

    def __init__(self, threads: Threads) -> None:
        """Work in these threads."""
        self._threads = threads

    async def write(self, reader: Reader, report: Report, piece: Slice, sink: Sink, told: Told) -> int:
        """See `Form`."""
        return await arrow_parts.write(reader, self._threads, report, piece, sink, told)

    async def join(self, report: Report, frames: AsyncIterator[Frame], sink: Sink) -> None:
        """See `Form`."""
        written = _Written()
        writer = parquet.ParquetWriter(
            written, arrow_parts.schema_of(report), compression="zstd", use_dictionary=_REPEATED
        )
        try:
            held, rows = [], 0
            async for frame in frames:
                held.append(frame)
                rows += frame.rows
                if rows >= _ROW_GROUP:
                    await self._threads.do(_add, writer, held)
                    await sink.write(written.taken())
                    held, rows = [], 0
            await self._threads.do(_add, writer, held)
        finally:
            writer.close()
        await sink.write(written.taken())


def _add(writer: parquet.ParquetWriter, frames: list[Frame]) -> None:
    if frames:
        table = pa.concat_tables([arrow_parts.read(frame) for frame in frames])
        writer.write_table(table, row_group_size=table.num_rows)


class _Written(io.RawIOBase):
    """What was written since it was last taken. Nothing is ever read or written again in what was written before."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[bytes] = []
        self._position = 0

    def taken(self) -> bytes:
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def write(self, piece: bytes) -> int:  # type: ignore[override]  # Arrow hands over bytes
        self._pieces.append(bytes(piece))
        self._position += len(piece)
        return len(piece)
