"""Parts that keep the types of the columns, for formats that have types: Arrow's own format, compressed.

Measured on 100,000 rows: written in 20 ms, read again in 14 ms, 1.9 MB; as Parquet 53 ms, 96 ms and 1.2 MB, as CSV
15.5 MB and another 140 ms to be read. So what takes long is done once, by those who write the parts side by side.
"""

from __future__ import annotations

import pyarrow as pa
from pyarrow import csv

from adapters.reports.frames import Frame, write_frame
from adapters.reports.orders_export.columns import COLUMNS, NAMES, Sort
from adapters.reports.orders_export.statement import EXACT
from adapters.reports.reader import Reader
from adapters.reports.storage import Sink
from adapters.reports.threads import Threads
from domain.report_ports import Told
from domain.reports import Report, Slice

# Any sum of a 64-bit integer's size times any quantity, with the four decimal places that a currency has at most.
_MONEY = pa.decimal128(38, 4)

_WRITTEN = pa.ipc.IpcWriteOptions(compression="zstd", use_threads=False)
_READ = pa.ipc.IpcReadOptions(use_threads=False)


def schema_of(report: Report) -> pa.Schema:
    """The columns; times are instants, shown in the report's time zone."""
    types = {
        Sort.number: pa.int64(),
        Sort.money: _MONEY,
        Sort.moment: pa.timestamp("us", report.request.time_zone),
        Sort.text: pa.string(),
        Sort.word: pa.string(),
    }
    return pa.schema([pa.field(column.name, types[column.sort], nullable=column.optional) for column in COLUMNS])


async def write(reader: Reader, threads: Threads, report: Report, piece: Slice, sink: Sink, told: Told) -> int:
    """A part, each frame of which can be read by itself; returns its number of rows."""
    schema, rows = schema_of(report), 0

    async def taken(block: bytes) -> None:
        nonlocal rows
        number, content = await threads.do(_packed, block, schema)
        await write_frame(sink, number, content)
        rows += number
        told(rows)

    await reader.copy(EXACT, piece.since, piece.until, report.as_of, taken=taken)
    return rows


def read(frame: Frame) -> pa.Table:
    """A frame's rows. Takes a while: to be called in a thread."""
    return pa.ipc.open_stream(pa.py_buffer(frame.content), options=_READ).read_all()


def _packed(block: bytes, schema: pa.Schema) -> tuple[int, memoryview]:
    table = csv.read_csv(
        pa.py_buffer(block),
        read_options=csv.ReadOptions(column_names=list(NAMES), use_threads=False, block_size=len(block) + 1),
        parse_options=csv.ParseOptions(newlines_in_values=True),
        convert_options=csv.ConvertOptions(
            column_types=schema,
            # PostgreSQL's way to tell no text from an empty one.
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )
    packed = pa.BufferOutputStream()
    with pa.ipc.new_stream(packed, schema, options=_WRITTEN) as stream:
        stream.write_table(table.cast(schema))
    return table.num_rows, memoryview(packed.getvalue())
