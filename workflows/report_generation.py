"""Report generation: plan, write the parts, join and publish them, tell who asked."""

from __future__ import annotations

import asyncio
from typing import NoReturn
from uuid import UUID

from temporalio import workflow
from temporalio.exceptions import FailureError, is_cancelled_exception

from activities.report_generation import ReportGenerationActivities as Activities
from domain.outcomes import Done, Outcome
from domain.report_generation import ReportGenerationRequest
from domain.reports import EndInput, PartInput, PublishInput, ReportFile, ReportPlan, TidyInput
from workflows import steps
from workflows.progress import ProgressKept

_AT_ONCE = 4
"""Parts of one report that are written at a time."""


@workflow.defn(name="ReportGeneration")
class ReportGeneration:
    """Makes a report's file, and sends its link to all who asked for it."""

    @workflow.run
    async def run(self, request: ReportGenerationRequest) -> Outcome:
        """Plan, write the parts, join them; who asked is told by jobs of their own."""
        self._progress = ProgressKept()

        try:
            plan = await steps.run_regular(Activities.plan, request)
            if plan.file is not None:
                return _done(plan.file)
            rows = await self._write_parts(plan)
            self._progress.at(0, rows, "rows", f"Joining {len(plan.slices)} parts, {rows} rows.")
            file = await steps.run_regular(
                Activities.publish, PublishInput(report_id=plan.report_id, parts=len(plan.slices))
            )
        except (asyncio.CancelledError, FailureError) as ended:
            await self._end(request, ended)
        await self._tidy(plan.report_id)
        return _done(file)

    async def _write_parts(self, plan: ReportPlan) -> int:
        """Write all parts, some at a time; returns the number of rows. Where one fails, the others are stopped."""
        expected = sum(piece.rows for piece in plan.slices)
        free = asyncio.Semaphore(_AT_ONCE)
        written = rows = 0

        def tell() -> None:
            details = f"Writing: {written} of {len(plan.slices)} parts, {rows} of about {expected} rows."
            self._progress.at(rows, expected, "rows", details)

        async def write(given: PartInput) -> None:
            nonlocal written, rows
            async with free:
                of_part = await steps.run_regular(Activities.write_part, given)
            rows += of_part
            written += 1
            tell()

        tell()
        tasks = [
            asyncio.create_task(write(PartInput(report_id=plan.report_id, part=part, piece=piece)))
            for part, piece in enumerate(plan.slices)
        ]
        try:
            await asyncio.gather(*tasks)
        except (asyncio.CancelledError, FailureError):
            for task in tasks:
                task.cancel()
            # No attempt may write any more when the parts are removed, or the job runs anew.
            await asyncio.gather(*tasks, return_exceptions=True)
            raise
        return rows

    async def _end(self, request: ReportGenerationRequest, ended: BaseException) -> NoReturn:
        """Keep how it ended, as far as that can be done now, and end so."""
        try:
            await steps.run_regular(Activities.end, EndInput(request=request, cancelled=is_cancelled_exception(ended)))
        except FailureError:
            # Whoever asks anew starts this job again, and the cleanup removes what it has left.
            workflow.logger.warning("How the report ended could not be kept")
        raise ended

    async def _tidy(self, report_id: UUID) -> None:
        try:
            await steps.run_regular(Activities.tidy, TidyInput(report_id=report_id))
        except (asyncio.CancelledError, FailureError):
            # The file is there all the same, and the cleanup removes the parts.
            workflow.logger.warning("The report's parts were left behind", extra={"report": str(report_id)})


def _done(file: ReportFile) -> Done:
    return Done(reference=file.key, facts={"rows": file.rows, "bytes": file.bytes, "sha256": file.sha256})
