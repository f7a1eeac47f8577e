"""Alert: gather what was raised, tell each channel, note that they know."""

from __future__ import annotations

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    # Our own packages and pydantic: importing them anew for each run would cost more than the run itself.
    from activities.alert import AlertActivities as Activities
    from domain.alert import AlertRequest
    from domain.outcomes import Done, Outcome, Skipped
    from workflows import steps


@workflow.defn(name="Alert")
class Alert:
    """Tells people of what they have to look at, many of the same in one message."""

    @workflow.run
    async def run(self, request: AlertRequest) -> Outcome:
        """Gather, tell, note: one step, tried as its policy says."""
        told = await steps.run(Activities.tell, request)

        if told.state == "told":
            return Done(reference=request.workflow_id, facts={"alerts": told.alerts})
        return Skipped(reason=told.state)
