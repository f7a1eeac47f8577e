"""Dead letter sweep: find unrecorded dead runs, settle the dead letters of jobs that recovered."""

from __future__ import annotations

from temporalio import workflow

from activities.dead_letter_sweep import DeadLetterSweepActivities as Activities
from domain.dead_letter_sweep import DeadLetterSweepRequest
from domain.outcomes import Done, Outcome
from workflows import steps
from workflows.scheduling import scheduled_run


@workflow.defn(name="DeadLetterSweep")
class DeadLetterSweep:
    """Finds what a run cannot record itself: that it timed out, was terminated, or is stuck."""

    @workflow.run
    async def run(self, request: DeadLetterSweepRequest) -> Outcome:
        """One step, long after an outage. A second run for the same moment does no harm."""
        swept = await steps.run_regular(Activities.sweep, scheduled_run(request))

        return Done(facts={"recorded": swept.recorded, "resolved": swept.resolved, "moved": swept.moved})
