"""Report notice: find out who asked for which report, check that it is there, send the link."""

from __future__ import annotations

from temporalio import workflow

from activities.report_notice import ReportNoticeActivities as Activities
from domain.outcomes import Done, Outcome, Skipped
from domain.report_notice import ReportNoticeRequest
from workflows import steps


@workflow.defn(name="ReportNotice")
class ReportNotice:
    """Sends the link to a report to somebody who asked for it, once."""

    @workflow.run
    async def run(self, request: ReportNoticeRequest) -> Outcome:
        """Find, check, send: one step, tried as its policy says."""
        told = await steps.run(Activities.tell, request)

        if told.state == "told":
            return Done(reference=told.delivery_key)
        workflow.logger.info("Nothing to send, skipping", extra=request.ids)
        return Skipped(reason=told.state)
