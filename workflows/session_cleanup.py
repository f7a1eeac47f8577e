"""Session cleanup: remove what has expired, batch by batch."""

from __future__ import annotations

from temporalio import workflow

from activities.session_cleanup import SessionCleanupActivities as Activities
from domain.outcomes import Done, Outcome, Skipped
from domain.session_cleanup import SessionCleanupRequest
from workflows import steps
from workflows.scheduling import scheduled_run


@workflow.defn(name="SessionCleanup")
class SessionCleanup:
    """Removes the sessions of the shop's site that have expired."""

    @workflow.run
    async def run(self, request: SessionCleanupRequest) -> Outcome:
        """Remove them, once a day: one step, and a long one where there are many."""
        cleaned = await steps.run_regular(Activities.clean, scheduled_run(request))

        if cleaned.skipped:
            return Skipped(reason=cleaned.skipped)
        return Done(reference=f"removed {cleaned.removed}")
