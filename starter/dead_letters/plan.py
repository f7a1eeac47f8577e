"""What a redrive of a dead letter would do now. Temporal knows what has run since."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from temporalio.api.enums.v1 import VersioningBehavior
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client, WorkflowExecutionDescription, WorkflowExecutionStatus
from temporalio.exceptions import FailureError

from domain.dead_letters import WAITING, DeadLetter, FailureCause
from domain.errors import JobError
from starter.connection import RPC_TIMEOUT, found
from starter.dead_letters.failure_record import CAUSES
from starter.dead_letters.reset_point import NothingToResume, ResetPoint, reset_point
from starter.history import all_events
from workflows.data_converter import EncryptionKeyMissing
from workflows.registry import Registry

_FORGOTTEN = "Temporal has forgotten the run: its retention has ended."


class Verdict(StrEnum):
    """What a redrive does about a dead letter: a closed set."""

    resume = "resume"
    """The job continues at the failed step."""
    restart_only = "restart-only"
    """There is nothing to resume; the whole job can run again."""
    comes_on_by_itself = "comes-on-by-itself"
    """The run has not ended: it continues when matching code or a worker is there."""
    not_dead = "not-dead"
    """The run continues, or a later run of the job is running, has completed, or has its own dead letter."""
    settled = "settled"
    """It was redriven or discarded, or the job recovered."""


@dataclass(frozen=True)
class RedrivePlan:
    """What a redrive would do about one dead letter."""

    letter: DeadLetter
    verdict: Verdict
    why: str
    """A sentence for operators."""
    point: ResetPoint | None = None
    """Where the job resumes, if it does."""
    pinned_in: str | None = None
    """The worker deployment of a run that stays with its version."""

    def doable(self, *, restart: bool) -> bool:
        """True if the job is dead and can be resumed, or run again if `restart`."""
        return self.verdict is Verdict.resume or (restart and self.verdict is Verdict.restart_only)

    def document(self) -> dict[str, Any]:
        """For programs."""
        point = self.point
        return {
            "id": self.letter.id,
            "job_id": self.letter.workflow_id,
            "verdict": self.verdict,
            "why": self.why,
            "step": point.step if point else None,
            "event_id": point.event_id if point else None,
            "runs_again": list(point.again) if point else [],
            "kept": list(point.kept) if point else [],
        }


async def plan_redrive(client: Client, letter: DeadLetter, kinds: Registry) -> RedrivePlan:
    """Plan a dead letter's redrive. Raises TemporalUnreachable, NotAuthorised, UnknownNamespace."""
    if letter.state not in WAITING:
        why = f"It is {letter.state}{f' by {letter.by}' if letter.by else ''}; `jobs dead reopen` opens it again."
        return RedrivePlan(letter, Verdict.settled, why)
    latest = await _described(client, letter)
    if not _is_dead(latest, letter):
        return RedrivePlan(letter, *_not_dead(letter, latest)) if latest else _restart(letter, _FORGOTTEN)
    events = await all_events(client, letter.workflow_id, letter.run_id)
    if events is None or latest is None:
        return _restart(letter, _FORGOTTEN)
    if letter.request is None and not await _is_request(client, events, letter.kind, kinds):
        why = "Its input is no request of its kind, and would be none again: give another one by --input FILE."
        return _restart(letter, why)
    try:
        point = reset_point(events, step=letter.step)
    except NothingToResume:
        return _restart(letter, "The run had not begun when it ended.")
    why = f"From `{point.step}` on." if point.step else "From its last task on."
    return RedrivePlan(letter, Verdict.resume, why, point, _pinned_in(latest))


async def is_still_dead(client: Client, letter: DeadLetter) -> bool:
    """True if the dead letter's run is the last one of its job, and dead. Raises as `plan_redrive` does."""
    return _is_dead(await _described(client, letter), letter)


async def _described(client: Client, letter: DeadLetter) -> WorkflowExecutionDescription | None:
    """The last run of the job."""
    return await found(client, client.get_workflow_handle(letter.workflow_id).describe(rpc_timeout=RPC_TIMEOUT))


def _pinned_in(run: WorkflowExecutionDescription) -> str | None:
    versioning = run.raw_description.workflow_execution_info.versioning_info
    if versioning.HasField("versioning_override"):
        pinned = versioning.versioning_override.pinned
        return pinned.version.deployment_name or None
    pinned_by_kind = versioning.behavior == VersioningBehavior.VERSIONING_BEHAVIOR_PINNED
    return versioning.deployment_version.deployment_name if pinned_by_kind else None


def _restart(letter: DeadLetter, why: str) -> RedrivePlan:
    return RedrivePlan(letter, Verdict.restart_only, why)


def _is_dead(latest: WorkflowExecutionDescription | None, letter: DeadLetter) -> bool:
    return (
        latest is not None
        and latest.run_id == letter.run_id
        and latest.status in CAUSES
        and not latest.raw_description.workflow_extended_info.reset_run_id
    )


def _not_dead(letter: DeadLetter, latest: WorkflowExecutionDescription) -> tuple[Verdict, str]:
    running = latest.status is WorkflowExecutionStatus.RUNNING
    if latest.run_id == letter.run_id:
        if running and not letter.cause.final:
            what = "a worker" if letter.cause is FailureCause.no_worker else "a worker whose code fits"
            why = f"The run has not ended, and continues by itself once there is {what}."
            return Verdict.comes_on_by_itself, why
        return Verdict.not_dead, "The run continues, or has ended well."
    if latest.status in CAUSES:
        return Verdict.not_dead, "A later run of the job is dead, and has its own dead letter."
    if latest.status is WorkflowExecutionStatus.CANCELED:
        return Verdict.not_dead, "A later run of the job was cancelled."
    return Verdict.not_dead, f"A later run of the job {'is running' if running else 'has completed'}."


async def _is_request(client: Client, events: Sequence[HistoryEvent], kind: str, kinds: Registry) -> bool:
    """Whether the run's input is a request of its kind by now: code that was deployed since may know it."""
    payloads = events[0].workflow_execution_started_event_attributes.input.payloads
    try:
        await client.data_converter.decode(payloads, [kinds.get(kind).request])
    except EncryptionKeyMissing:
        return True  # it cannot be checked here, and a reset needs no request
    except (LookupError, FailureError, JobError, ValueError, RuntimeError):
        return False
    return len(payloads) == 1
