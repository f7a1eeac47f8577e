"""A kind of job that fails at once until its cause is mended, and costs next to nothing."""

from __future__ import annotations

from datetime import timedelta

from temporalio import activity, workflow

from domain.errors import NotFound
from domain.outcomes import Done, Outcome
from domain.policies import Policy
from domain.requests import EntityId, JobRequest
from workflows import steps
from workflows.kinds import Kind, Registry

QUEUE = "dead-jobs"
CAUSES = 7
"""Into how many groups the letters fall."""


class Cause:
    """Shared with the worker, which is in the same process."""

    mended = False


class DeadJobRequest(JobRequest):
    """Fail."""

    order_id: EntityId


class DeadJobActivities:
    """One step."""

    @activity.defn(name="dead_job.work")
    async def work(self, request: DeadJobRequest) -> None:
        """Can run twice: it does nothing."""
        if not Cause.mended:
            raise NotFound(f"No {'abcdefg'[request.order_id % CAUSES]} is there.")


@workflow.defn
class DeadJob:
    """Fails."""

    @workflow.run
    async def run(self, request: DeadJobRequest) -> Outcome:
        """One step."""
        await steps.run(DeadJobActivities.work, request)
        return Done()


_POLICY = Policy(
    name="dead-job",
    waits=(),
    attempt_limit=timedelta(seconds=10),
    deadline=timedelta(minutes=1),
    purpose="benchmarks",
)
KINDS = Registry()
KINDS.register(Kind(DeadJobRequest, DeadJob, DeadJobActivities, QUEUE, _POLICY))
