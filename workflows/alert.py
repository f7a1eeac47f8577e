"""Alert: gather what was raised, and send it to each channel."""

from __future__ import annotations

from temporalio import workflow

from activities.alert import AlertActivities as Activities
from domain.alert import AlertRequest
from domain.outcomes import Done, Outcome, Skipped
from workflows import steps


@workflow.defn(name="Alert")
class Alert:
    """Sends alerts to operators, those about the same in one message."""

    @workflow.run
    async def run(self, request: AlertRequest) -> Outcome:
        """Gather, send, record: one step, retried by its policy."""
        told = await steps.run(Activities.tell, request)

        if told.state == "told":
            return Done(reference=request.workflow_id, facts={"alerts": told.alerts})
        return Skipped(reason=told.state)
