"""Dead letter digest: remind operators of the dead letters that are still open."""

from __future__ import annotations

from temporalio import workflow

from activities.dead_letter_digest import DeadLetterDigestActivities as Activities
from domain.dead_letter_digest import DeadLetterDigestRequest
from domain.outcomes import Done, Outcome, Skipped
from workflows import steps
from workflows.scheduling import scheduled_run


@workflow.defn(name="DeadLetterDigest")
class DeadLetterDigest:
    """Reminds operators of open dead letters, oldest first."""

    @workflow.run
    async def run(self, request: DeadLetterDigestRequest) -> Outcome:
        """One step; without open dead letters there is no message."""
        reminded = await steps.run_regular(Activities.remind, scheduled_run(request))

        return Done(facts={"open": reminded.open}) if reminded.open else Skipped(reason="nothing-open")
