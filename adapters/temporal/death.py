"""What a run's own history tells of its death."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from temporalio.api.common.v1 import Payload, WorkflowExecution
from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.api.failure.v1 import Failure
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflowservice.v1 import (
    GetWorkflowExecutionHistoryRequest,
    GetWorkflowExecutionHistoryReverseRequest,
)
from temporalio.client import Client, WorkflowExecutionDescription
from temporalio.common import SearchAttributeKey
from temporalio.converter import PayloadConverter
from temporalio.exceptions import ApplicationError, FailureError

from domain.dead_letters import DeadRun, DeathCause, FailedStep
from domain.encryption_keys import WHERE
from domain.errors import JobError
from domain.requests import JobRequest, kind_name
from domain.scheduling import ScheduledRequest

CALL_LIMIT = timedelta(seconds=10)
"""For one call of Temporal."""

TIMED_OUT = "RunTimedOut"
TERMINATED = "Terminated"
NO_WORKER = "NoWorker"
"""Error types of runs that no error has ended."""

_EVENTS = 50
"""How many of a history's last events are looked at: a step has fewer."""
_UNREADABLE = f"The message is encrypted under a key that this process lacks ({WHERE})."
_ENCRYPTED, _KEY_ID = b"binary/encrypted", "encryption-key-id"
"""How an encrypted payload is marked, and what it names its key by: a form that others write too."""
_KEY_MISSING = "EncryptionKeyMissing"
"""Error type of a task that met what its worker cannot decrypt."""
_FROM_OUTSIDE = 300
"""Most characters of a text that people gave to Temporal."""

_PROBLEMS = SearchAttributeKey.for_keyword_list("TemporalReportedProblems")
_BUILDS = SearchAttributeKey.for_keyword_list("BuildIds")
_SCHEDULED_FOR = SearchAttributeKey.for_datetime("TemporalScheduledStartTime")
_STEP_FAILED = (EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED, EventType.EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT)
_STEP_ENDED = (*_STEP_FAILED, EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED, EventType.EVENT_TYPE_ACTIVITY_TASK_CANCELED)
_HEADER = "job-step"
"""In which the workflow tells how many attempts were made before the activity."""


class Death:
    """Reads runs' histories. Raises what the client raises."""

    def __init__(self, client: Client, requests: Mapping[str, type[JobRequest]]) -> None:
        """Share the client. `requests` by workflow type."""
        self._client = client
        self._requests = requests

    def of_running(self, described: WorkflowExecutionDescription) -> DeathCause | None:
        """Why a run doesn't come on that is running; None where it does."""
        if described.typed_search_attributes.get(_PROBLEMS):
            return DeathCause.stuck
        raw = described.raw_description
        untaken = raw.HasField("pending_workflow_task") and raw.pending_workflow_task.attempt <= 1
        return DeathCause.no_worker if untaken and not described.typed_search_attributes.get(_BUILDS) else None

    async def told(self, described: WorkflowExecutionDescription, cause: DeathCause) -> DeadRun:
        """The dead run, with all that its history tells."""
        events = await self._last_events(described)
        error_type, message, step = await self._why(described, cause, events)
        request, lacking = await self._request(described)
        return DeadRun(
            workflow_id=described.id,
            run_id=described.run_id,
            kind=kind_name(described.workflow_type),
            queue=described.task_queue,
            cause=cause,
            request=request,
            undecryptable=lacking or await self._lacking([_failure(cause, events).encoded_attributes]),
            error_type=error_type,
            message=message,
            step=step.step,
            attempts=step.attempts,
            failed_at=_since(described, cause, events),
        )

    async def _why(
        self, described: WorkflowExecutionDescription, cause: DeathCause, events: Sequence[HistoryEvent]
    ) -> tuple[str, str, FailedStep]:
        match cause:
            case DeathCause.failed:
                return await self._failed(_failure(cause, events), events)
            case DeathCause.timed_out:
                message = "The run did not end within its time limit. Redrive the job, or start it with a longer limit."
                return TIMED_OUT, message, _running_step(events)
            case DeathCause.terminated:
                reason = events[0].workflow_execution_terminated_event_attributes.reason if events else ""
                said = f" ({reason[:_FROM_OUTSIDE]})" if reason else ""
                return TERMINATED, f"Somebody terminated the run{said}. Redrive or discard it.", _running_step(events)
            case DeathCause.stuck:
                return *await self._task_failure(events), FailedStep()
            case DeathCause.no_worker:
                queue = described.task_queue
                message = f"No worker serves the queue {queue!r}. Start one, and the run comes on by itself."
                return NO_WORKER, message, FailedStep()

    async def _failed(self, failure: Failure, events: Sequence[HistoryEvent]) -> tuple[str, str, FailedStep]:
        error = await self._decoded(failure)
        if error is None:
            return failure.application_failure_info.type or "Encrypted", _UNREADABLE, _failed_step(events)
        while not isinstance(error, ApplicationError) and isinstance(error, FailureError) and error.cause:
            error = error.cause
        step = FailedStep.among(error.details) if isinstance(error, ApplicationError) else FailedStep()
        if step.attempts is None:
            step = _failed_step(events) if step.step in (None, _failed_step(events).step) else step
        name = (error.type if isinstance(error, ApplicationError) else None) or type(error).__name__
        return name, getattr(error, "message", ""), step

    async def _task_failure(self, events: Sequence[HistoryEvent]) -> tuple[str, str]:
        todo = "Deploy code that mends it, and the run comes on by itself."
        event = _failed_task(events)
        if event is None or event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT:
            return "WorkflowTaskTimedOut", f"The workflow's code does not end in time. {todo}"
        failed = event.workflow_task_failed_event_attributes
        if failed.cause == WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR:
            return "NondeterminismError", f"The workflow's code does not fit the run's history. {todo}"
        error = await self._decoded(failed.failure)
        message = _UNREADABLE if error is None else getattr(error, "message", "")
        name = failed.failure.application_failure_info.type or "WorkflowTaskFailed"
        if name == _KEY_MISSING:
            return name, message[:_FROM_OUTSIDE]
        return name, f"{message[:_FROM_OUTSIDE]} {todo}"

    async def _lacking(self, payloads: Iterable[Payload]) -> str | None:
        """Id of the key under which one of these is encrypted, and which is not here."""
        codec = self._client.data_converter.payload_codec
        for payload in payloads:
            if payload.metadata.get("encoding") != _ENCRYPTED:
                continue
            try:
                if codec is not None:
                    await codec.decode([payload])
                    continue
            except JobError:
                pass  # of our own codec; that of others says what it likes
            return payload.metadata.get(_KEY_ID, b"").decode(errors="replace") or "?"
        return None

    async def _decoded(self, failure: Failure) -> BaseException | None:
        """None where it is encrypted under a key that is not here."""
        try:
            error: BaseException = await self._client.data_converter.decode_failure(failure)
        except JobError:
            return None
        return error

    async def _last_events(self, described: WorkflowExecutionDescription) -> Sequence[HistoryEvent]:
        """The run's last events, latest first."""
        request = GetWorkflowExecutionHistoryReverseRequest(
            namespace=self._client.namespace, execution=_execution(described), maximum_page_size=_EVENTS
        )
        call = self._client.workflow_service.get_workflow_execution_history_reverse
        return (await call(request, retry=True, timeout=CALL_LIMIT)).history.events

    async def _request(self, described: WorkflowExecutionDescription) -> tuple[dict[str, object] | None, str | None]:
        """The run's request as a person would give it, None where it is none of its kind; and the key that it needs."""
        if (wanted := self._requests.get(described.workflow_type)) is None:
            return None, None
        asked = GetWorkflowExecutionHistoryRequest(
            namespace=self._client.namespace, execution=_execution(described), maximum_page_size=1
        )
        call = self._client.workflow_service.get_workflow_execution_history
        events = (await call(asked, retry=True, timeout=CALL_LIMIT)).history.events
        payloads = events[0].workflow_execution_started_event_attributes.input.payloads
        if (lacking := await self._lacking(payloads)) is not None:
            return None, lacking
        try:
            (request,) = await self._client.data_converter.decode(payloads, [wanted])
        except (FailureError, JobError, ValueError, RuntimeError):
            return None, None
        at = described.typed_search_attributes.get(_SCHEDULED_FOR)
        if isinstance(request, ScheduledRequest) and at is not None:
            request = request.model_copy(update={"at": at})
        return (request.model_dump(mode="json") if isinstance(request, JobRequest) else None), None


def _failure(cause: DeathCause, events: Sequence[HistoryEvent]) -> Failure:
    """What the run, or its task, failed with; with nothing in it where that was no failure."""
    if cause is DeathCause.failed and events:
        return events[0].workflow_execution_failed_event_attributes.failure
    if cause is DeathCause.stuck and (event := _failed_task(events)) is not None:
        return event.workflow_task_failed_event_attributes.failure
    return Failure()


def _execution(described: WorkflowExecutionDescription) -> WorkflowExecution:
    return WorkflowExecution(workflow_id=described.id, run_id=described.run_id)


def _since(described: WorkflowExecutionDescription, cause: DeathCause, events: Sequence[HistoryEvent]) -> datetime:
    if described.close_time is not None:
        return described.close_time
    if cause is DeathCause.stuck and (failed := _failed_task(events)) is not None:
        return failed.event_time.ToDatetime(UTC)
    task = described.raw_description.pending_workflow_task
    return task.original_scheduled_time.ToDatetime(UTC)


def _failed_task(events: Sequence[HistoryEvent]) -> HistoryEvent | None:
    """The last workflow task that failed. History has the first failure alone of those that follow each other."""
    failed = (EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED, EventType.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT)
    return next((event for event in events if event.event_type in failed), None)


def _failed_step(events: Sequence[HistoryEvent]) -> FailedStep:
    """The regular activity that failed last; what local ones did, the failure itself tells."""
    for event in events:
        if event.event_type in _STEP_FAILED:
            told = event.activity_task_failed_event_attributes
            if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT:
                scheduled, started = (
                    event.activity_task_timed_out_event_attributes.scheduled_event_id,
                    event.activity_task_timed_out_event_attributes.started_event_id,
                )
            else:
                scheduled, started = told.scheduled_event_id, told.started_event_id
            by_id = {each.event_id: each for each in events}
            return _step(by_id.get(scheduled), by_id.get(started))
    return FailedStep()


def _running_step(events: Sequence[HistoryEvent]) -> FailedStep:
    """The regular activity that was at work when the run ended."""
    ended = {
        attributes.scheduled_event_id
        for event in events
        if event.event_type in _STEP_ENDED
        for attributes in (
            event.activity_task_failed_event_attributes,
            event.activity_task_timed_out_event_attributes,
            event.activity_task_completed_event_attributes,
            event.activity_task_canceled_event_attributes,
        )
    }
    for event in events:
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED and event.event_id not in ended:
            return _step(event, None)
    return FailedStep()


def _step(scheduled: HistoryEvent | None, started: HistoryEvent | None) -> FailedStep:
    if scheduled is None:
        return FailedStep()
    attributes = scheduled.activity_task_scheduled_event_attributes
    attempts = started.activity_task_started_event_attributes.attempt if started else 0
    made = _made_before(attributes.header.fields.get(_HEADER))
    return FailedStep(step=attributes.activity_type.name, attempts=made + attempts if attempts else None)


def _made_before(header: Payload | None) -> int:
    if header is None:
        return 0
    made, _ = PayloadConverter.default.from_payload(header)
    return int(made)
