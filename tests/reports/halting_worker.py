"""A worker that comes to a halt while it makes a report, to be killed: `python -m tests.reports.halting_worker WHERE`.

WHERE is the number of a part, or `publish`, which halts with the file published and its record not made. It says
`halts` once it has, and goes on with everything else. Slices are of some orders, so that a small shop has several.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from adapters.outside import Outside
from adapters.settings import Settings
from domain.report_ports import ReportMaker, Told
from domain.reports import Report, ReportFile, Slice
from starter.connection import connect
from starter.relay import Relay
from worker import make_workers
from workflows.registry import registry


class Halting:
    """A maker as it is, but for one place."""

    def __init__(self, maker: Any, where: str) -> None:
        self._maker = maker
        self._where = where

    def __getattr__(self, name: str) -> Any:
        return getattr(self._maker, name)

    async def write_part(self, report: Report, part: int, piece: Slice, told: Told) -> int:
        if str(part) == self._where:
            await _halt()
        rows: int = await self._maker.write_part(report, part, piece, told)
        return rows

    async def publish(self, report: Report, parts: int, told: Told) -> ReportFile:
        file: ReportFile = await self._maker.publish(report, parts, told)
        if self._where == "publish":
            await _halt()
        return file


async def _halt() -> None:
    # What is under way beside it ends first, so that a test knows what was done.
    await asyncio.sleep(1)
    sys.stdout.write("halts\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


async def main(where: str) -> None:
    settings = Settings()
    outside = Outside(settings)
    outside.ports[ReportMaker] = Halting(outside.ports[ReportMaker], where)
    client = await connect()
    workers = make_workers(client, ["reports", "notifications"], outside, settings.worker)
    await asyncio.gather(Relay(outside.outbox, client, registry).run(), *(worker.run() for worker in workers))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
