"""The steps of a report's generation."""

from __future__ import annotations

from temporalio import activity

from domain.report_generation import ReportGenerationRequest
from domain.report_ports import ReportBook, ReportMaker
from domain.reports import EndInput, PartInput, PublishInput, ReportFile, ReportPlan, ReportState, TidyInput


class ReportGenerationActivities:
    """What a report's generation does to the world, behind ports."""

    def __init__(self, book: ReportBook, maker: ReportMaker) -> None:
        self._book = book
        self._maker = maker

    @activity.defn(name="report_generation.plan")
    async def plan(self, request: ReportGenerationRequest) -> ReportPlan:
        """Can run twice: the report's row is there or made, and nothing is written but that."""
        report = await self._book.open(request)
        if report.file is not None:
            return ReportPlan(report_id=report.id, file=report.file)
        return ReportPlan(report_id=report.id, slices=tuple(await self._maker.plan(report)))

    @activity.defn(name="report_generation.write_part")
    async def write_part(self, order: PartInput) -> int:
        """Can run twice: a part is written over what an earlier attempt left; returns its number of rows.

        If the job had failed and is redriven, its report is being made again.
        """
        report = await self._book.reopen(order.report_id)
        return await self._maker.write_part(report, order.part, order.piece, activity.heartbeat)

    @activity.defn(name="report_generation.publish")
    async def publish(self, joining: PublishInput) -> ReportFile:
        """Can run twice: the parts stay until the file is known, and joining them again makes the same file.

        Recording the file enqueues the notification mails exactly once.
        """
        report = await self._book.reopen(joining.report_id)
        file = await self._maker.publish(report, joining.parts, activity.heartbeat)
        await self._book.ready(report.id, file)
        return file

    @activity.defn(name="report_generation.tidy")
    async def tidy(self, leftovers: TidyInput) -> None:
        """Can run twice: what is gone is gone."""
        await self._maker.discard_parts(leftovers.report_id)

    @activity.defn(name="report_generation.end")
    async def end(self, ending: EndInput) -> None:
        """Can run twice: the state is set to the same, and what is gone is gone."""
        state = ReportState.cancelled if ending.cancelled else ReportState.failed
        # By the request, for the row may not have been reached when the job ended.
        report = await self._book.open(ending.request)
        await self._book.ended(report.id, state)
        if ending.cancelled:
            if report.file is None:
                # It may have been put under its name when the job was cancelled, and no record leads to it. First, so
                # that parts which cannot be discarded do not keep it there.
                await self._maker.discard_files(report.id)
            await self._maker.discard_parts(report.id)
