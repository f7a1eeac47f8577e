"""How a failing run leaves a letter: by a local activity that is bounded in time, and whose own failure is nobody's."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError, FailureError

from activities.dead_letters import DeadLetterActivities
from domain.dead_letters import DeadRun, DeathCause, FailedStep
from domain.requests import JobRequest, kind_name
from workflows.scheduling import as_by_hand

LIMIT = timedelta(seconds=5)
"""How much later a run fails at most, where the database is away. The sweep records it then."""
_TRY = timedelta(seconds=2)


async def leave_letter(failure: ApplicationError, request: JobRequest | None) -> None:
    """Record that this run fails now; says nothing of its own failure."""
    # Runs that failed before there were letters have no such command in their histories.
    if not workflow.patched("record-dead-letter"):
        return
    try:
        await workflow.execute_local_activity_method(
            DeadLetterActivities.record,
            _dead(failure, request),
            schedule_to_close_timeout=LIMIT,
            start_to_close_timeout=_TRY,
            retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=500), maximum_attempts=2),
        )
    except FailureError:
        # The worker's log has it.
        return
    except asyncio.CancelledError:
        # Of the job, which fails all the same. A run that its worker drops from memory comes by here too.
        if workflow.cancellation_reason() is None:
            raise


def _dead(failure: ApplicationError, request: JobRequest | None) -> DeadRun:
    info = workflow.info()
    told = FailedStep.among(failure.details)
    return DeadRun(
        workflow_id=info.workflow_id,
        run_id=info.run_id,
        kind=kind_name(info.workflow_type),
        queue=info.task_queue,
        cause=DeathCause.failed,
        request=as_by_hand(request).model_dump(mode="json") if isinstance(request, JobRequest) else None,
        error_type=failure.type or type(failure).__name__,
        message=failure.message,
        step=told.step,
        attempts=told.attempts,
        failed_at=workflow.now(),
    )
