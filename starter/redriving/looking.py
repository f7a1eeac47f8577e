"""What would become of a letter's job if it were redriven now: asked of Temporal, which knows what ran since."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflowservice.v1 import GetWorkflowExecutionHistoryRequest
from temporalio.client import Client, WorkflowExecutionDescription, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from domain.dead_letters import DeathCause, Letter, LetterState
from starter.connection import RPC_TIMEOUT, explain, explained, reached
from starter.redriving.point import NothingToTakeUp, ResetPoint, reset_point

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
    """A later run of the job is running or has completed."""
    settled = "settled"
    """Somebody has redriven or discarded it, or the job is well."""


@dataclass(frozen=True)
class Prospect:
    """What was found about one letter."""

    letter: Letter
    verdict: Verdict
    why: str
    """A sentence for people."""
    point: ResetPoint | None = None
    """Of one that is to be resumed."""


async def look(client: Client, letter: Letter) -> Prospect:
    """Look at a letter's job. Raises TemporalUnreachable, NotAuthorised, UnknownNamespace."""
    if letter.state in (LetterState.redriven, LetterState.resolved, LetterState.discarded):
        by = f" by {letter.by}" if letter.by else ""
        return Prospect(letter, Verdict.settled, f"It is {letter.state}{by}.")
    run = letter.run
    latest = await _described(client, run.workflow_id)
    if latest is None:
        return Prospect(letter, Verdict.restart_only, "Temporal has forgotten the run: its retention has ended.")
    if latest.run_id != run.run_id:
        if latest.status in _DEAD:
            why = "A later run of the job is dead, and has a letter of its own."
        elif latest.status is WorkflowExecutionStatus.CANCELED:
            why = "A later run of the job was cancelled."
        else:
            state = "is running" if latest.status is WorkflowExecutionStatus.RUNNING else "has completed"
            why = f"A later run of the job {state}."
        return Prospect(letter, Verdict.not_dead, why)
    if latest.status not in _DEAD:
        if not run.cause.final and latest.status is WorkflowExecutionStatus.RUNNING:
            what = "a worker" if run.cause is DeathCause.no_worker else "a worker with code that fits"
            return Prospect(letter, Verdict.comes_on_by_itself, f"The run goes on by itself once there is {what}.")
        return Prospect(letter, Verdict.not_dead, "The run goes on, or has ended well.")
    if latest.raw_description.workflow_extended_info.reset_run_id:
        return Prospect(letter, Verdict.not_dead, "The run was reset, and another one has taken its place.")
    try:
        point = reset_point(await _history(client, run.workflow_id, run.run_id))
    except NothingToTakeUp:
        return Prospect(letter, Verdict.restart_only, "The run had not begun when it ended.")
    why = f"From `{point.step}` on." if point.step else "From its last task on."
    return Prospect(letter, Verdict.resume, why, point)


async def _described(client: Client, workflow_id: str) -> WorkflowExecutionDescription | None:
    try:
        async with reached(client):
            return await client.get_workflow_handle(workflow_id).describe(rpc_timeout=RPC_TIMEOUT)
    except RPCError as exc:
        if exc.status is RPCStatusCode.NOT_FOUND and "namespace" not in exc.message.lower():
            return None
        raise explain(exc, client) from exc


async def _history(client: Client, workflow_id: str, run_id: str) -> list[HistoryEvent]:
    request = GetWorkflowExecutionHistoryRequest(
        namespace=client.namespace, execution=WorkflowExecution(workflow_id=workflow_id, run_id=run_id)
    )
    events: list[HistoryEvent] = []
    async with explained(client):
        while True:
            page = await client.workflow_service.get_workflow_execution_history(
                request, retry=True, timeout=RPC_TIMEOUT
            )
            events += page.history.events
            if not page.next_page_token:
                return events
            request.next_page_token = page.next_page_token
