"""How a failing run records itself: by a local activity with a short time limit, whose own failure changes nothing."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError, FailureError

from activities.dead_letters import DeadLetterActivities
from domain.dead_letters import FailedRun, FailedStep, FailureCause
from domain.requests import JobRequest, kind_name
from workflows.scheduling import as_by_hand

LIMIT = timedelta(seconds=5)
"""How much later a run fails at most if the database is away. The sweep records it then."""
_TRY = timedelta(seconds=2)


async def record_failure(failure: ApplicationError, request: JobRequest | None) -> None:
    """Record that this run fails now. Raises nothing if that fails."""
    # The histories of older failed runs do not have this command.
    if not workflow.patched("record-dead-letter"):
        return
    try:
        await workflow.execute_local_activity_method(
            DeadLetterActivities.record,
            _failed_run(failure, request),
            schedule_to_close_timeout=LIMIT,
            start_to_close_timeout=_TRY,
            retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=500), maximum_attempts=2),
        )
    except FailureError:
        # The worker's log has it.
        return
    except asyncio.CancelledError:
        # If the job was cancelled, it fails all the same. A run that is evicted from its worker's cache ends here too.
        if workflow.cancellation_reason() is None:
            raise


def _failed_run(failure: ApplicationError, request: JobRequest | None) -> FailedRun:
    info = workflow.info()
    failed = FailedStep.among(failure.details)
    return FailedRun(
        workflow_id=info.workflow_id,
        run_id=info.run_id,
        kind=request.kind if isinstance(request, JobRequest) else kind_name(info.workflow_type),
        queue=info.task_queue,
        cause=FailureCause.failed,
        request=as_by_hand(request).model_dump(mode="json") if isinstance(request, JobRequest) else None,
        error_type=failure.type or type(failure).__name__,
        message=failure.message,
        step=failed.step,
        attempts=failed.attempts,
        failed_at=workflow.now(),
    )
