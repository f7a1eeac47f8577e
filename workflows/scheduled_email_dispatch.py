"""Dispatch of scheduled mails: enqueue a job for each that is due, until none is."""

from __future__ import annotations

from temporalio import workflow

from activities.scheduled_email_dispatch import ScheduledEmailDispatchActivities as Activities
from domain.outcomes import Done, Outcome
from domain.scheduled_email_dispatch import ScheduledEmailDispatchRequest
from workflows import steps
from workflows.scheduling import scheduled_run


@workflow.defn(name="ScheduledEmailDispatch")
class ScheduledEmailDispatch:
    """Enqueues a job for each scheduled mail that is due."""

    @workflow.run
    async def run(self, request: ScheduledEmailDispatchRequest) -> Outcome:
        """Enqueue them: one step, and a long one where many are due."""
        dispatched = await steps.run_regular(Activities.dispatch, scheduled_run(request))

        return Done(reference=f"queued {dispatched.queued}")
