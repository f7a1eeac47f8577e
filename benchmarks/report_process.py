"""One way to make a report, in a process of its own: `python -m benchmarks.report_process WAY FORMAT PERIOD FOLDER`.

Prints how long it took, without starting Python, and the most memory that the process had.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

from adapters.reports.maker import AsOneSlice, FileMaker
from adapters.reports.storage import storage_of
from adapters.settings import AwsSettings, DatabaseSettings, ReportSettings
from domain.report_generation import ReportFormat, ReportGenerationRequest, ReportName
from domain.reports import Report, ReportFile, ReportState

AT_ONCE = 4
"""Parts."""
AS_OF = datetime(2027, 1, 1, tzinfo=UTC)


def report_of(name: ReportName, form: str, period: str) -> Report:
    """A report that was asked for when the year was over."""
    request = ReportGenerationRequest(report=name, format=ReportFormat(form), period=period)
    return Report(id=uuid.uuid4(), request=request, state=ReportState.requested, as_of=AS_OF, asked_at=AS_OF)


async def make(maker: FileMaker, report: Report) -> ReportFile:
    """What the report's job does, with as many parts at a time as it has."""
    free = asyncio.Semaphore(AT_ONCE)
    slices = await maker.plan(report)

    async def write(part: int) -> None:
        async with free:
            await maker.write_part(report, part, slices[part], lambda _: None)

    await asyncio.gather(*(write(part) for part in range(len(slices))))
    return await maker.publish(report, len(slices), lambda _: None)


async def in_parts(form: str, period: str, folder: Path) -> int:
    """As a worker does it."""
    # Each way loads only what it needs: all of it would count as its memory.
    from adapters.reports.database import COPYING, Reader
    from adapters.reports.orders_export.export import OrdersExport

    export = OrdersExport(Reader(DatabaseSettings(), COPYING, connections=AT_ONCE))
    maker = FileMaker(
        storage_of(ReportSettings(store=str(folder)), AwsSettings()),
        {ReportName.orders_export: export},
    )
    return (await make(maker, report_of(ReportName.orders_export, form, period))).rows


async def drawn(form: str, period: str, folder: Path) -> int:
    """The sales summary."""
    from adapters.reports.database import SUMMING, Reader
    from adapters.reports.pdf.typesetter import Typesetter
    from adapters.reports.sales_summary.report import SalesSummary

    summary = SalesSummary(Reader(DatabaseSettings(), SUMMING, connections=2), Typesetter())
    maker = FileMaker(
        storage_of(ReportSettings(store=str(folder)), AwsSettings()),
        {ReportName.sales_summary: AsOneSlice(summary)},
    )
    return (await make(maker, report_of(ReportName.sales_summary, form, period))).rows


WAYS: dict[str, Callable[[str, str, Path], Awaitable[int]]] = {
    "in-parts": in_parts,
    "drawn": drawn,
}


def most_memory() -> int:
    """MiB that this process has had at most. Raises RuntimeError where the system doesn't tell."""
    # Not `getrusage`, which counts what the parent had, too.
    if found := re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text()):
        return int(found[1]) // 1024
    raise RuntimeError("only Linux tells how much memory a process had at most")


def main() -> None:
    """Do it, and print the figures."""
    way, form, period, folder = sys.argv[1:]
    began = time.perf_counter()
    rows = asyncio.run(_run(WAYS[way](form, period, Path(folder))))
    took = time.perf_counter() - began
    print(json.dumps({"rows": rows, "seconds": round(took, 2), "memory_mib": most_memory()}))  # noqa: T201  # the result


async def _run(work: Awaitable[int]) -> int:
    return await work


if __name__ == "__main__":
    main()
