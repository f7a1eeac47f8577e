"""Turns a dead run's description and history into the record of its failure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC

from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.api.failure.v1 import Failure
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client, WorkflowExecutionDescription, WorkflowExecutionStatus
from temporalio.common import SearchAttributeKey
from temporalio.converter import DataConverter
from temporalio.exceptions import ApplicationError, FailureError

from domain.dead_letters import FailedRun, FailedStep, FailureCause
from domain.encryption_keys import WHERE
from domain.errors import JobError
from domain.requests import JobRequest, kind_name
from domain.scheduling import ScheduledRequest
from starter.connection import RPC_TIMEOUT
from starter.dead_letters.attempt_history import StepRun, step_runs
from starter.history import last_events
from workflows.data_converter import EncryptionKeyMissing, key_id_of

CAUSES = {
    WorkflowExecutionStatus.FAILED: FailureCause.failed,
    WorkflowExecutionStatus.TIMED_OUT: FailureCause.timed_out,
    WorkflowExecutionStatus.TERMINATED: FailureCause.terminated,
}

TIMED_OUT = "RunTimedOut"
TERMINATED = "Terminated"
NO_WORKER = "NoWorker"
"""Error types of runs that no error has ended."""

_UNREADABLE = f"The message is encrypted under a key that this process lacks ({WHERE})."
_DEPLOY = "Deploy code that fixes it, and the run continues by itself."
_QUOTE_LIMIT = 300
"""Maximum length of a text that others gave to Temporal, in characters."""

_PROBLEMS = SearchAttributeKey.for_keyword_list("TemporalReportedProblems")
_BUILDS = SearchAttributeKey.for_keyword_list("BuildIds")
_SCHEDULED_FOR = SearchAttributeKey.for_datetime("TemporalScheduledStartTime")
_FAILED_TASK = (EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED, EventType.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT)


async def failure_record(
    client: Client, described: WorkflowExecutionDescription, requests: Mapping[str, type[JobRequest]]
) -> FailedRun | None:
    """The record of a dead run; None if it isn't dead. `requests` by workflow type. Raises RPCError."""
    if (cause := _cause(described)) is None:
        return None
    converter = client.data_converter
    events = await last_events(client, described.id, described.run_id)
    failed_task = next((event for event in events if event.event_type in _FAILED_TASK), None)
    failure, step = Failure(), FailedStep()
    match cause:
        case FailureCause.failed:
            failure = events[0].workflow_execution_failed_event_attributes.failure if events else failure
            error_type, message, step = await _of_failure(converter, failure, events)
        case FailureCause.timed_out:
            error_type, step = TIMED_OUT, _unfinished_step(events)
            message = "The run did not end within its time limit. Redrive the job, or start it with a longer limit."
        case FailureCause.terminated:
            error_type, step = TERMINATED, _unfinished_step(events)
            reason = events[0].workflow_execution_terminated_event_attributes.reason[:_QUOTE_LIMIT] if events else ""
            message = f"The run was terminated{f' ({reason})' if reason else ''}. Redrive or discard it."
        case FailureCause.stuck:
            failure = failed_task.workflow_task_failed_event_attributes.failure if failed_task else failure
            error_type, message = await _of_task(converter, failed_task)
        case FailureCause.no_worker:
            error_type = NO_WORKER
            message = (
                f"No worker serves the queue {described.task_queue!r}. Start one, and the run continues by itself."
            )
    request, missing_key = await _request(client, described, requests)
    since = described.close_time or (failed_task.event_time.ToDatetime(UTC) if failed_task else None)
    known = requests.get(described.workflow_type)
    return FailedRun(
        workflow_id=described.id,
        run_id=described.run_id,
        kind=known.kind if known else kind_name(described.workflow_type),
        queue=described.task_queue,
        cause=cause,
        request=request,
        undecryptable=missing_key or await _missing_key(converter, [failure.encoded_attributes]),
        error_type=error_type,
        message=message,
        step=step.step,
        attempts=step.attempts,
        failed_at=since or described.raw_description.pending_workflow_task.original_scheduled_time.ToDatetime(UTC),
    )


def _cause(described: WorkflowExecutionDescription) -> FailureCause | None:
    if described.status is not WorkflowExecutionStatus.RUNNING:
        return CAUSES.get(described.status) if described.status else None
    if described.typed_search_attributes.get(_PROBLEMS):
        return FailureCause.stuck
    raw = described.raw_description
    untaken = raw.HasField("pending_workflow_task") and raw.pending_workflow_task.attempt <= 1
    return FailureCause.no_worker if untaken and not described.typed_search_attributes.get(_BUILDS) else None


async def _of_failure(
    converter: DataConverter, failure: Failure, events: Sequence[HistoryEvent]
) -> tuple[str, str, FailedStep]:
    # A local step is a detail of the failure itself.
    failures = [run for run in step_runs(events) if run.regular and run.failure is not None]
    last = _failed_step(max(failures, key=lambda run: run.ended or 0)) if failures else FailedStep()
    error = await _decoded(converter, failure)
    if error is None:
        return failure.application_failure_info.type or "Encrypted", _UNREADABLE, last
    while not isinstance(error, ApplicationError) and isinstance(error, FailureError) and error.cause:
        error = error.cause
    if not isinstance(error, ApplicationError):
        return type(error).__name__, getattr(error, "message", ""), last
    step = FailedStep.among(error.details)
    if step.attempts is None and step.step in (None, last.step):
        step = last
    return error.type or type(error).__name__, error.message, step


async def _of_task(converter: DataConverter, failed: HistoryEvent | None) -> tuple[str, str]:
    if failed is None or failed.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT:
        return "WorkflowTaskTimedOut", f"The workflow's code does not end in time. {_DEPLOY}"
    attributes = failed.workflow_task_failed_event_attributes
    if attributes.cause == WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR:
        return "NondeterminismError", f"The workflow's code does not match the run's history. {_DEPLOY}"
    error = await _decoded(converter, attributes.failure)
    message = (_UNREADABLE if error is None else getattr(error, "message", ""))[:_QUOTE_LIMIT]
    name = attributes.failure.application_failure_info.type or "WorkflowTaskFailed"
    return name, message if name == EncryptionKeyMissing.type_name else f"{message} {_DEPLOY}"


async def _decoded(converter: DataConverter, failure: Failure) -> BaseException | None:
    """None if it is encrypted under a missing key."""
    try:
        error: BaseException = await converter.decode_failure(failure)
    except JobError:
        return None
    return error


async def _missing_key(converter: DataConverter, payloads: Iterable[Payload]) -> str | None:
    """Id of the key under which one of these is encrypted, if this process lacks it."""
    for payload in payloads:
        if (key_id := key_id_of(payload)) is None:
            continue
        try:
            if converter.payload_codec is not None:
                await converter.payload_codec.decode([payload])
                continue
        except JobError:
            pass
        return key_id or "?"
    return None


async def _request(
    client: Client, described: WorkflowExecutionDescription, requests: Mapping[str, type[JobRequest]]
) -> tuple[dict[str, object] | None, str | None]:
    """The run's request as an operator would give it, None if it is none of its kind; and the missing key."""
    if (wanted := requests.get(described.workflow_type)) is None:
        return None, None
    handle = client.get_workflow_handle(described.id, run_id=described.run_id)
    started = await anext(handle.fetch_history_events(page_size=1, rpc_timeout=RPC_TIMEOUT))
    payloads = started.workflow_execution_started_event_attributes.input.payloads
    if (missing := await _missing_key(client.data_converter, payloads)) is not None:
        return None, missing
    try:
        (request,) = await client.data_converter.decode(payloads, [wanted])
    except (FailureError, JobError, ValueError, RuntimeError):
        return None, None
    at = described.typed_search_attributes.get(_SCHEDULED_FOR)
    if isinstance(request, ScheduledRequest) and at is not None:
        request = request.model_copy(update={"at": at})
    return (request.model_dump(mode="json") if isinstance(request, JobRequest) else None), None


def _unfinished_step(events: Sequence[HistoryEvent]) -> FailedStep:
    """The step that was running when the run ended."""
    unfinished = [run for run in step_runs(events) if run.ended is None]
    return FailedStep(step=unfinished[-1].step) if unfinished else FailedStep()


def _failed_step(run: StepRun) -> FailedStep:
    return FailedStep(step=run.step, attempts=run.before + run.attempts if run.attempts else None)
