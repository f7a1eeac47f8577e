"""The step that removes what old reports left behind."""

from __future__ import annotations

from datetime import UTC, datetime

from temporalio import activity

from domain.report_cleanup import Removed, ReportRetention
from domain.report_ports import ReportBook, ReportMaker
from domain.scheduling import ScheduledRun

_BATCH = 100


class ReportCleanupActivities:
    """What a cleanup of reports does to the world, behind ports."""

    def __init__(self, book: ReportBook, maker: ReportMaker, retention: ReportRetention) -> None:
        """Take the ports, and how long files are kept; nothing is built or read here."""
        self._book = book
        self._maker = maker
        self._retention = retention

    @activity.defn(name="report_cleanup.remove")
    async def remove(self, run: ScheduledRun) -> Removed:
        """Can run twice: what is gone is gone, and a report whose file is gone, but not its record, is taken again.

        The numbers are those of the last attempt.
        """
        now = min(run.at, datetime.now(UTC))
        return Removed(
            files=await self._remove_files(now - self._retention.files),
            abandoned=await self._discard_parts(now - self._retention.parts),
        )

    async def _remove_files(self, before: datetime) -> int:
        removed = 0
        while outdated := await self._book.outdated(before, _BATCH):
            for report in outdated:
                # First the file: of one that is recorded as removed, nobody would remove it any more.
                await self._maker.remove(report)
                await self._book.removed(report.id)
                removed += 1
                activity.heartbeat(removed)
        return removed

    async def _discard_parts(self, before: datetime) -> int:
        # All of them before any is discarded: a storage may lose its place when what it lists is removed meanwhile.
        found = sorted({report_id async for report_id in self._maker.abandoned(before)})
        discarded = 0
        for start in range(0, len(found), _BATCH):
            # The parts of a report that is being made may be old as well: its job may have waited, or be a long one.
            for report_id in await self._book.idle_among(found[start : start + _BATCH]):
                await self._maker.discard_parts(report_id)
                discarded += 1
                activity.heartbeat(discarded)
        return discarded
