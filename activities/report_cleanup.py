"""The step that removes what old reports left behind, and settles those whose jobs ended without a word."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from uuid import UUID

from temporalio import activity

from domain.errors import TransientError
from domain.report_cleanup import Removed, ReportRetention
from domain.report_ports import ReportBook, ReportJobs, ReportMaker
from domain.reports import Report
from domain.scheduling import ScheduledRun

_BATCH = 100


class ReportCleanupActivities:
    """What a cleanup of reports does to the world, behind ports."""

    def __init__(self, book: ReportBook, maker: ReportMaker, jobs: ReportJobs, retention: ReportRetention) -> None:
        self._book = book
        self._jobs = jobs
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
            abandoned=len(
                await self._discard_parts(now - self._retention.parts)
                | await self._discard_unrecorded(now - self._retention.unrecorded)
            ),
            # Last: what is settled now keeps its parts until the next cleanup, for a redrive at this very moment.
            settled=await self._settle(now - self._retention.unfinished),
        )

    async def _remove_files(self, before: datetime) -> int:
        removed = 0
        while outdated := await self._book.outdated(before, _BATCH):
            for report in outdated:
                # First the file: of one that is recorded as removed, nobody would remove it any more.
                await self._maker.discard_files(report.id)
                await self._book.removed(report.id)
                removed += 1
                activity.heartbeat(removed)
        return removed

    async def _discard_parts(self, before: datetime) -> set[UUID]:
        # All of them before any is discarded: a storage may lose its place when what it lists is removed meanwhile.
        found = sorted({report_id async for report_id in self._maker.abandoned(before)})
        discarded: set[UUID] = set()
        for start in range(0, len(found), _BATCH):
            # The parts of a report that is being made may be old as well: its job may have waited, or be a long one.
            for report_id in await self._book.idle_among(found[start : start + _BATCH]):
                await self._maker.discard_parts(report_id)
                discarded.add(report_id)
                activity.heartbeat(len(discarded))
        return discarded

    async def _discard_unrecorded(self, before: datetime) -> set[UUID]:
        """Discard files of reports that failed or were cancelled: no record leads to them, whose time would end."""
        having: set[UUID] = set()
        async for report_id in self._maker.filed(before):  # as many as there are files, or nearly
            having.add(report_id)
            if len(having) % _BATCH == 0:
                activity.heartbeat(len(having))
        found = sorted(having)
        discarded: set[UUID] = set()
        for start in range(0, len(found), _BATCH):
            activity.heartbeat(len(discarded))
            for report in await self._book.ended_among(found[start : start + _BATCH]):
                # Its job may be redriven at this very moment, and put a file there that is to stay.
                if await self._discard_files(report):
                    discarded.add(report.id)
                activity.heartbeat(len(discarded))
        return discarded

    async def _discard_files(self, report: Report) -> bool:
        """Discard its files unless its job runs anew; whether that was done."""
        try:
            return await self._book.while_ended(report, partial(self._maker.discard_files, report.id))
        except TransientError as exc:  # the next cleanup takes it again
            about = {"action": "discard", "report": str(report.id), "why": exc.message}
            activity.logger.warning("A file that no record leads to could not be removed", extra=about)
            return False

    async def _settle(self, before: datetime) -> int:
        """Keep how jobs ended that could not say so themselves: they were terminated, say, or timed out."""
        settled = 0
        last: UUID | None = None
        while unfinished := await self._book.unfinished(before, _BATCH, after=last):
            last = unfinished[-1].id
            for report in unfinished:
                try:
                    ended = await self._book.settle(report, self._jobs.ended_as)
                except TransientError as exc:  # the next cleanup asks again
                    about = {"action": "settle", "report": str(report.id), "why": exc.message}
                    activity.logger.warning("How a report's job fares is not known", extra=about)
                    ended = None
                settled += ended is not None
                activity.heartbeat(settled)
        return settled
