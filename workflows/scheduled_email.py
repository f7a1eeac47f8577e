"""A scheduled mail: fetch, check, send, mark."""

from __future__ import annotations

from temporalio import workflow

from activities.scheduled_email import ScheduledEmailActivities as Activities
from domain.outcomes import Done, Outcome, Skipped
from domain.scheduled_email import ScheduledEmailRequest
from workflows import steps


@workflow.defn(name="ScheduledEmail")
class ScheduledEmail:
    """Sends one scheduled mail to its customer, once."""

    @workflow.run
    async def run(self, request: ScheduledEmailRequest) -> Outcome:
        """Fetch the mail, check it, send it, mark it: one step, tried as its policy says."""
        sent = await steps.run(Activities.send, request)

        if sent.state == "sent":
            return Done(reference=sent.delivery_key)
        workflow.logger.info("Nothing to send, skipping", extra=request.ids)
        return Skipped(reason=sent.state)
