"""What would become of a letter's job if it were redriven now: asked of Temporal, which knows what ran since."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.deployment.v1 import WorkerDeploymentVersion
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflowservice.v1 import GetWorkflowExecutionHistoryRequest
from temporalio.client import Client, WorkflowExecutionDescription, WorkflowExecutionStatus
from temporalio.exceptions import FailureError
from temporalio.service import RPCError, RPCStatusCode

from domain.dead_letters import DeathCause, Letter, LetterState
from domain.errors import JobError
from starter.connection import RPC_TIMEOUT, explain, reached
from starter.readable import make_readable
from starter.redriving.point import NothingToTakeUp, ResetPoint, reset_point
from starter.redriving.versions import pinned_to
from workflows.data_converter import EncryptionKeyMissing
from workflows.registry import Registry

_DEAD = (WorkflowExecutionStatus.FAILED, WorkflowExecutionStatus.TIMED_OUT, WorkflowExecutionStatus.TERMINATED)


class Verdict(StrEnum):
    """What a redrive does about a letter: a closed set."""

    resume = "resume"
    """The job is taken up again at the step that failed."""
    restart_only = "restart-only"
    """Nothing is there to be taken up; the job can be run anew as a whole."""
    comes_on_by_itself = "comes-on-by-itself"
    """The run has not ended: it goes on as soon as code that fits, or a worker, is there."""
    not_dead = "not-dead"
    """The run goes on, or a later run of the job does, has completed, or has a letter of its own."""
    settled = "settled"
    """Somebody has redriven or discarded it, or the job is well."""


DOABLE = (Verdict.resume, Verdict.restart_only)
"""The job is dead, and can be run."""


@dataclass(frozen=True)
class Prospect:
    """What was found about one letter."""

    letter: Letter
    verdict: Verdict
    why: str
    """A sentence for people."""
    point: ResetPoint | None = None
    """Of one that is to be resumed."""
    version: WorkerDeploymentVersion | None = None
    """Of the workers, that its run stays with when it is resumed; None for most."""


async def look(client: Client, letter: Letter, kinds: Registry) -> Prospect:
    """Look at a letter's job. Raises TemporalUnreachable, NotAuthorised, UnknownNamespace."""
    if letter.state in (LetterState.resolved, LetterState.discarded):
        return Prospect(letter, Verdict.settled, _settled(letter))
    run = letter.run
    latest = await _described(client, run.workflow_id)
    if letter.state is LetterState.redriven and not _is_dead(latest, letter):
        return Prospect(letter, Verdict.settled, _settled(letter))
    if latest is None:
        return Prospect(letter, Verdict.restart_only, "Temporal has forgotten the run: its retention has ended.")
    if not _is_dead(latest, letter):
        return _not_dead(letter, latest)
    try:
        events = await history_of(client, run.workflow_id, run.run_id)
    except RunForgotten:
        return Prospect(letter, Verdict.restart_only, "Temporal has forgotten the run: its retention has ended.")
    if run.request is None and not await _is_request(client, events, run.kind, kinds):
        why = "Its input is no request of its kind, and would be none again: give another one by --input FILE."
        return Prospect(letter, Verdict.restart_only, why)
    try:
        point = reset_point(events, step=run.step)
    except NothingToTakeUp:
        return Prospect(letter, Verdict.restart_only, "The run had not begun when it ended.")
    why = f"From `{point.step}` on." if point.step else "From its last task on."
    return Prospect(letter, Verdict.resume, why, point, pinned_to(latest, events, point.event_id))


async def still_dead(client: Client, letter: Letter) -> bool:
    """Whether Temporal has the run as the last one of its job, and dead. Raises as `look` does."""
    return _is_dead(await _described(client, letter.run.workflow_id), letter)


class RunForgotten(Exception):
    """Temporal has no history of the run any more."""


async def history_of(client: Client, workflow_id: str, run_id: str) -> list[HistoryEvent]:
    """All events of a run. Raises RunForgotten, TemporalUnreachable, NotAuthorised, UnknownNamespace."""
    request = GetWorkflowExecutionHistoryRequest(
        namespace=client.namespace, execution=WorkflowExecution(workflow_id=workflow_id, run_id=run_id)
    )
    events: list[HistoryEvent] = []
    while True:
        try:
            async with reached(client):
                page = await client.workflow_service.get_workflow_execution_history(
                    request, retry=True, timeout=RPC_TIMEOUT
                )
        except RPCError as exc:
            if _is_missing(exc):
                raise RunForgotten(run_id) from exc
            raise explain(exc, client) from exc
        for event in page.history.events:
            await make_readable(event, client.data_converter)
        events += page.history.events
        if not page.next_page_token:
            return events
        request.next_page_token = page.next_page_token


def _settled(letter: Letter) -> str:
    return f"It is {letter.state}{f' by {letter.by}' if letter.by else ''}."


def _is_dead(latest: WorkflowExecutionDescription | None, letter: Letter) -> bool:
    """Whether the letter's run is the last of its job, dead, and was not reset."""
    return (
        latest is not None
        and latest.run_id == letter.run.run_id
        and latest.status in _DEAD
        and not latest.raw_description.workflow_extended_info.reset_run_id
    )


def _not_dead(letter: Letter, latest: WorkflowExecutionDescription) -> Prospect:
    running = latest.status is WorkflowExecutionStatus.RUNNING
    if latest.run_id == letter.run.run_id:
        if running and not letter.run.cause.final:
            what = "a worker" if letter.run.cause is DeathCause.no_worker else "a worker whose code fits"
            why = f"The run has not ended, and goes on by itself once there is {what}."
            return Prospect(letter, Verdict.comes_on_by_itself, why)
        return Prospect(letter, Verdict.not_dead, "The run goes on, or has ended well.")
    if latest.status in _DEAD:
        why = "A later run of the job is dead, and has a letter of its own."
    elif latest.status is WorkflowExecutionStatus.CANCELED:
        why = "A later run of the job was cancelled."
    else:
        why = f"A later run of the job {'is running' if running else 'has completed'}."
    return Prospect(letter, Verdict.not_dead, why)


async def _is_request(client: Client, events: Sequence[HistoryEvent], kind: str, kinds: Registry) -> bool:
    """Whether the run's input is a request of its kind by now: code that was deployed since may know it."""
    payloads = events[0].workflow_execution_started_event_attributes.input.payloads
    try:
        await client.data_converter.decode(payloads, [kinds.get(kind).request])
    except EncryptionKeyMissing:
        return True  # nobody can tell here, and a reset needs no request
    except (LookupError, FailureError, JobError, ValueError, RuntimeError):
        return False
    return len(payloads) == 1


async def _described(client: Client, workflow_id: str) -> WorkflowExecutionDescription | None:
    try:
        async with reached(client):
            return await client.get_workflow_handle(workflow_id).describe(rpc_timeout=RPC_TIMEOUT)
    except RPCError as exc:
        if _is_missing(exc):
            return None
        raise explain(exc, client) from exc


def _is_missing(exc: RPCError) -> bool:
    return exc.status is RPCStatusCode.NOT_FOUND and "namespace" not in exc.message.lower()
