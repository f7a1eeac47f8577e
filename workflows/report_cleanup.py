"""Report cleanup: remove files whose time is over and parts that nobody will join, settle what ended without a word."""

from __future__ import annotations

from temporalio import workflow

from activities.report_cleanup import ReportCleanupActivities as Activities
from domain.outcomes import Done, Outcome
from domain.report_cleanup import ReportCleanupRequest
from workflows import steps
from workflows.scheduling import scheduled_run


@workflow.defn(name="ReportCleanup")
class ReportCleanup:
    """Removes the files of reports whose retention has ended, and finds reports that nobody makes any more."""

    @workflow.run
    async def run(self, request: ReportCleanupRequest) -> Outcome:
        """One step, and a long one where much is to be removed. A second run for the same moment does no harm."""
        removed = await steps.run_regular(Activities.remove, scheduled_run(request))

        return Done(facts={"files": removed.files, "abandoned": removed.abandoned, "settled": removed.settled})
