"""What every workflow does around its checklist: wait while it is paused, explain a failure, be found, be counted.

Passed through the sandbox, so that it may look at the clock for its metrics, and at what is paused. Nothing here
reaches a command but the search attribute, which follows from the workflow's own result, and the gate's (`pausing.py`).
"""

from __future__ import annotations

import asyncio
import shlex
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from temporalio import workflow
from temporalio.common import MetricMeter, SearchAttributeKey
from temporalio.converter import PayloadConverter
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    FailureError,
    is_cancelled_exception,
)
from temporalio.exceptions import TimeoutError as StepTimeout
from temporalio.worker import (
    ExecuteWorkflowInput,
    HandleSignalInput,
    HandleUpdateInput,
    Interceptor,
    StartActivityInput,
    StartLocalActivityInput,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
    WorkflowOutboundInterceptor,
)

from activities.interceptor import HEADER, RETRIED
from domain.dead_letters import FailedStep
from domain.errors import InvalidRequest, JobError, TransientError
from domain.outcomes import Declined, Done, Skipped
from domain.policies import Policy
from domain.requests import JobRequest, kind_name
from workflows import steps
from workflows.dead_letters import record_failure
from workflows.pausing import Pauses, wait_while_paused

if TYPE_CHECKING:
    from workflows.kinds import Kind

ERROR_TYPE = SearchAttributeKey.for_keyword("ErrorType")
"""Class of the error of a failed run, for queries; Temporal cannot search failure messages."""

_COUNTERS = {
    "jobs_started": "Jobs whose first task ran",
    "jobs_completed": "Jobs that did what they were asked for",
    "jobs_skipped": "Jobs that had nothing to do",
    "jobs_declined": "Jobs that someone said no to",
    "jobs_failed": "Jobs that failed for good: the dead letters",
    "jobs_cancelled": "Jobs that were cancelled",
}
"""In Prometheus as `jobs_started_total` and so on, by kind and queue."""

TIMED_OUT = "StepTimedOut"
"""ErrorType of a step whose attempts did not end in time."""


class JobInterceptor(Interceptor):
    """Wraps every workflow of a worker."""

    def __init__(self, policies: Mapping[str, Policy], pauses: Pauses | None = None) -> None:
        """`policies` by activity type; `pauses`: what is paused, without it nothing is."""
        self._policies = policies
        self._pauses = pauses or Pauses()

    def workflow_interceptor_class(
        self,
        input: WorkflowInterceptorClassInput,  # noqa: A002, ARG002  # the SDK's name and signature
    ) -> type[WorkflowInboundInterceptor]:
        """See `temporalio.worker.Interceptor`."""

        class Inbound(_Inbound):
            policies = self._policies
            pauses = self._pauses

        return Inbound


class _Inbound(WorkflowInboundInterceptor):
    policies: ClassVar[Mapping[str, Policy]]
    pauses: ClassVar[Pauses]

    def init(self, outbound: WorkflowOutboundInterceptor) -> None:
        super().init(_Outbound(outbound))

    async def handle_signal(self, input: HandleSignalInput) -> None:  # noqa: A002  # the SDK's name
        with steps.governed_by(self.policies):
            await super().handle_signal(input)

    async def handle_update_handler(self, input: HandleUpdateInput) -> Any:  # noqa: A002  # the SDK's name
        with steps.governed_by(self.policies):
            return await super().handle_update_handler(input)

    async def execute_workflow(self, input: ExecuteWorkflowInput) -> Any:  # noqa: A002  # the SDK's name
        request = input.args[0] if len(input.args) == 1 else None
        kind = request.kind if isinstance(request, JobRequest) else kind_name(workflow.info().workflow_type)
        _count("started", kind)
        try:
            if not isinstance(request, JobRequest):
                # Calling the workflow with these would be a bug in its task: retried for ever, never seen as failed.
                raise ApplicationError(
                    f"A job takes one argument, its request; this one was started with {len(input.args)}. "
                    f"{InvalidRequest.remedy}",
                    type=InvalidRequest.type_name,
                )
            await wait_while_paused(self.pauses, request.kind)
            with steps.governed_by(self.policies):
                result = await super().execute_workflow(input)
        except asyncio.CancelledError:
            # While a timer was waited for. A run that its worker drops from memory comes by here too: nobody asked
            # for that, and nothing is told of it.
            if _was_cancelled():
                _finish("cancelled", kind)
            raise
        except (FailureError, JobError) as failure:
            if _was_cancelled() and is_cancelled_exception(failure):
                _finish("cancelled", kind)
                raise
            explained = _explain(failure, request)
        else:
            if workflow.info().typed_search_attributes.get(ERROR_TYPE) is not None:
                # Left by the failure that a reset took back.
                workflow.upsert_search_attributes([ERROR_TYPE.value_unset()])
            match result:
                case Skipped():
                    _finish("skipped", kind)
                case Declined():
                    _finish("declined", kind)
                case _:
                    _finish("completed", kind)
            workflow.set_current_details(_details(result))
            return result
        workflow.upsert_search_attributes([ERROR_TYPE.value_set(explained.type or "")])
        workflow.set_current_details(f"**{explained.type}**: {explained.message}")
        await record_failure(explained, request)
        _finish("failed", kind)
        # Outside the handler: the cause's own class and message are the run's result, without a chain that hides them.
        raise explained


class _Outbound(WorkflowOutboundInterceptor):
    def start_activity(self, input: StartActivityInput) -> workflow.ActivityHandle[Any]:  # noqa: A002  # the SDK's name
        _tell(input)
        return super().start_activity(input)

    def start_local_activity(self, input: StartLocalActivityInput) -> workflow.ActivityHandle[Any]:  # noqa: A002  # the SDK's name
        _tell(input)
        return super().start_local_activity(input)


def _tell(start: StartActivityInput | StartLocalActivityInput) -> None:
    made = steps.progress()
    if made is not None:
        told = PayloadConverter.default.to_payload([made.attempts_made, made.deadline.isoformat()])
        start.headers = {**start.headers, HEADER: told}


def _explain(failure: FailureError | JobError, request: JobRequest | None) -> ApplicationError:
    """The failure that the run ends with: the class and the message of what went wrong, and what to do."""
    cause: BaseException | None = failure.cause if isinstance(failure, ActivityError) else failure
    step = f"`{failure.activity_type}`" if isinstance(failure, ActivityError) else "A step"
    name = type(cause or failure).__name__
    match cause:
        case ApplicationError():
            message, name = cause.message, cause.type or name
        case JobError():
            message, name = f"{cause.message} {cause.remedy}", cause.type_name
        case StepTimeout():
            limit = cause.type.name.replace("_", "-").lower() if cause.type else "time"
            message, name = f"{step} did not end within its {limit} limit. {TransientError.remedy}", TIMED_OUT
        case _:
            message = f"{step} failed: {name}. {TransientError.remedy}"
    if isinstance(request, JobRequest):
        message = f"{message} Redrive: `python -m starter dead redrive {shlex.quote(workflow.info().workflow_id)}`"
    told = FailedStep.among(cause.details) if isinstance(cause, ApplicationError) else FailedStep()
    if told.step is None and isinstance(failure, ActivityError):
        told = FailedStep(step=failure.activity_type)
    return ApplicationError(message, *([told] if told.step else []), type=name, non_retryable=True)


def _details(result: Any) -> str:
    match result:
        case Done():
            return "Done."
        case Skipped() | Declined():
            return f"{result.outcome.capitalize()}: {result.reason}."
        case _:
            return ""


def announce(meter: MetricMeter, *, namespace: str, kind: Kind) -> None:
    """Bring a kind's counters into being with 0, under the labels that they will have.

    A counter that first appears with its first failure shows Prometheus no increase: the alert would miss that one.
    """
    labels = {"namespace": namespace, "task_queue": kind.queue, "kind": kind.name, "queue": kind.queue}
    for name, description in _COUNTERS.items():
        meter.create_counter(name, description).add(0, labels | {"workflow_type": kind.workflow_type})
    for step in kind.steps():
        meter.create_counter(*RETRIED).add(0, labels | {"activity_type": step})


def _was_cancelled() -> bool:
    return workflow.cancellation_reason() is not None


def _finish(what: str, kind: str) -> None:
    if workflow.unsafe.is_replaying():
        return
    _count(what, kind)
    info = workflow.info()
    # Of the machine's clock, since the workflow's stands still within a task.
    seconds = max(0.0, time.time() - info.start_time.timestamp())
    workflow.metric_meter().create_histogram_float(
        "jobs_processing_time", "From the start of a job to its end", "seconds"
    ).record(seconds, _labels(kind) | {"outcome": what})
    workflow.logger.info("Job ended", extra={"action": what, "seconds": round(seconds, 3)})


def _count(what: str, kind: str) -> None:
    if not workflow.unsafe.is_replaying():
        name = f"jobs_{what}"
        workflow.metric_meter().create_counter(name, _COUNTERS[name]).add(1, _labels(kind))


def _labels(kind: str) -> dict[str, str]:
    return {"kind": kind, "queue": workflow.info().task_queue}
