"""One job that was started: ask how it fares, wait for its outcome, cancel it."""

from __future__ import annotations

import asyncio
import time
import typing
from collections.abc import Callable
from datetime import UTC, timedelta
from typing import Any

from temporalio.api.enums.v1 import PendingActivityState, PendingWorkflowTaskState
from temporalio.client import Client, WorkflowExecutionDescription, WorkflowFailureError
from temporalio.exceptions import ApplicationError, CancelledError, TerminatedError
from temporalio.exceptions import TimeoutError as RunTimeout

from domain.errors import JobError
from domain.outcomes import Outcome
from domain.progress import Progress
from starter import pauses
from starter.connection import RPC_TIMEOUT, explained, found, if_present
from starter.errors import (
    JobCancelled,
    JobDidNotComplete,
    JobFailed,
    JobNotFound,
    JobTerminated,
    JobTimedOut,
    UnknownOutcome,
)
from starter.history import readable
from starter.progress import progress_of, tells
from starter.second_attempt import second_attempt
from starter.status import JobState, JobStatus, JobSummary
from workflows.data_converter import EncryptionKeyMissing
from workflows.kinds import policies_of
from workflows.registry import Registry


class JobHandle:
    """A job, by its id. Made by `Jobs.start` and `Jobs.of`."""

    def __init__(
        self,
        client: Client,
        job_id: str,
        run_id: str | None,
        kind: str,
        kinds: Registry,
        link: Callable[[str, str | None], str],
    ) -> None:
        self._client = client
        self.id = job_id
        self.run_id = run_id
        """Of the run that was started, or that was there."""
        self.kind = kind
        self._kinds = kinds
        self._link = link
        self.started = False
        """True where the call that returned this handle started the job, false where it was there."""
        self.state = JobState.running
        """How the run fared when the handle was made."""

    def __repr__(self) -> str:
        return f"<JobHandle {self.id} {'started' if self.started else self.state}>"

    @property
    def web_ui(self) -> str:
        """Link to the run in the Web UI."""
        return self._link(self.id, self.run_id)

    async def result(self) -> Outcome:
        """Wait for the outcome of the latest run of the id: a redrive or restart while we wait is followed.

        Raises JobFailed, JobCancelled, JobTerminated, JobTimedOut, JobNotFound, UnknownOutcome, TemporalUnreachable.
        """
        run_id = (await self._describe(None)).run_id
        while True:
            try:
                return await self._outcome(run_id)
            except WorkflowFailureError as exc:
                latest = (await self._describe(None)).run_id
                if latest == run_id:
                    raise self._ended(exc, run_id) from exc
                run_id = latest

    async def status(self, *, of_this_run: bool = False) -> JobStatus:
        """How the latest run of the id fares, or the handle's own run.

        Progress is asked of kinds with long steps only. Raises JobNotFound, UnknownOutcome, TemporalUnreachable.
        """
        return await self._status(await self._describe(self.run_id if of_this_run else None))

    async def progress(self) -> Progress | None:
        """How far the latest run of the id is; None where it has ended, or that is not known.

        It is known of kinds whose workflow answers the query `progress`, while a worker is there to be asked; takes a
        second at most, beyond the call to Temporal. Raises JobNotFound, TemporalUnreachable.
        """
        described = await self._describe(None)
        return None if _waits_for_worker(described) else await progress_of(self._client, described)

    async def state_of_run(self) -> JobState:
        """How the handle's own run fares, in one call. Raises JobNotFound, TemporalUnreachable."""
        return JobState.of((await self._describe(self.run_id)).status)

    async def _status(self, described: WorkflowExecutionDescription) -> JobStatus:
        summary = JobSummary.of(
            described, self._kinds.name_of(described.workflow_type), self._link(self.id, described.run_id)
        )
        more: dict[str, Any] = {}
        if summary.state is JobState.running:
            held = pauses.is_held(described.typed_search_attributes)
            more = (
                {"waiting": await pauses.why(self._client, summary.kind, described.task_queue)}
                if held
                else await self._at_work(described)
            )
            if not held and tells(self.kind, self._kinds) and not _waits_for_worker(described):
                more["progress"] = await progress_of(self._client, described)
        elif summary.state is JobState.completed:
            more = {"outcome": await self._outcome(described.run_id, within=RPC_TIMEOUT)}
        else:
            try:
                await self._client.get_workflow_handle(self.id, run_id=described.run_id).result(rpc_timeout=RPC_TIMEOUT)
            except WorkflowFailureError as exc:
                ended = self._ended(exc, described.run_id)
                more = {"message": ended.message, "error_type": ended.error_type}
            except EncryptionKeyMissing as exc:
                more = {"message": exc.message}
        return JobStatus.model_validate({**summary.model_dump(), **more})

    async def cancel(self) -> None:
        """Ask the job to stop; it ends as cancelled. A job that has ended stays as it is. Raises JobNotFound."""
        async with if_present(self._client):
            await self._client.get_workflow_handle(self.id).cancel(rpc_timeout=RPC_TIMEOUT)
            return
        await self._describe(None)  # raises JobNotFound; a job that is there has ended, which is fine

    async def picked_up(self, within: timedelta = timedelta(seconds=5)) -> bool:
        """Wait until a worker has taken the job's first task; False where none did in time.

        A job whose delay has not passed counts as taken. Raises JobNotFound, TemporalUnreachable.
        """
        until = time.monotonic() + within.total_seconds()
        while True:
            described = await self._describe(self.run_id)
            if not _waits_for_worker(described):
                return True
            if time.monotonic() >= until:
                return False
            await asyncio.sleep(0.2)

    async def _outcome(self, run_id: str, within: timedelta | None = None) -> Outcome:
        handle = self._client.get_workflow_handle(self.id, run_id=run_id, result_type=self._result_type())
        try:
            async with explained(self._client):
                return typing.cast("Outcome", await handle.result(rpc_timeout=within))
        except EncryptionKeyMissing as exc:
            raise UnknownOutcome(f"{self.id} has ended, but how is encrypted. {exc.message}") from exc
        except (JobError, ApplicationError, ValueError) as exc:  # what the data converter raises
            raise UnknownOutcome(
                f"{self.id} has completed, but this code does not know its outcome: a newer version of {self.kind!r} "
                f"has made it, or a payload codec is missing. Deploy that version here too; the job itself needs "
                f"nothing. {self._link(self.id, run_id)}"
            ) from exc

    async def _describe(self, run_id: str | None) -> WorkflowExecutionDescription:
        handle = self._client.get_workflow_handle(self.id, run_id=run_id)
        if (described := await found(self._client, handle.describe(rpc_timeout=RPC_TIMEOUT))) is None:
            raise JobNotFound(
                f"There is no job {self.id!r} in namespace {self._client.namespace!r}: it was never started, or "
                f"its retention has ended. `jobs list` shows those that are there."
            )
        return described

    async def _at_work(self, described: WorkflowExecutionDescription) -> dict[str, Any]:
        raw = described.raw_description
        for pending in raw.pending_activities:
            policy = policies_of(self._kinds).get(pending.activity_type.name)
            total = policy.max_attempts if policy else pending.maximum_attempts
            waits = pending.state == PendingActivityState.PENDING_ACTIVITY_STATE_SCHEDULED and pending.attempt > 1
            return {
                "step": pending.activity_type.name,
                "attempt": total - pending.maximum_attempts + pending.attempt,
                "max_attempts": total,
                "message": (await readable(pending.last_failure, self._client.data_converter)).message or None,
                "error_type": pending.last_failure.application_failure_info.type or None,
                "next_attempt_at": pending.next_attempt_schedule_time.ToDatetime(UTC) if waits else None,
            }
        if _waits_for_worker(described):
            return {"waiting": f"no worker has taken it yet from the queue {described.task_queue!r}"}
        if not raw.HasField("pending_workflow_task"):
            waiting = "for a timer: its delay, or the wait before the second attempt of a step"
            found = await second_attempt(self._client, described, policies_of(self._kinds))
            return {"waiting": waiting, **found}
        return {}

    def _result_type(self) -> type | None:
        try:
            run = self._kinds.get(self.kind).workflow.run  # type: ignore[attr-defined]  # every workflow class has one
        except LookupError:
            return typing.cast("type", Outcome)
        return typing.cast("type | None", typing.get_type_hints(run, include_extras=True).get("return"))

    def _ended(self, exc: WorkflowFailureError, run_id: str) -> JobDidNotComplete:
        link = self._link(self.id, run_id)
        match exc.cause:
            case ApplicationError() as cause:
                return JobFailed(self.id, cause.type or "ApplicationError", cause.message, link)
            case CancelledError():
                return JobCancelled(self.id, "Cancelled", "it was cancelled", link)
            case TerminatedError() as terminated:
                return JobTerminated(self.id, "Terminated", terminated.message, link)
            case RunTimeout():
                return JobTimedOut(self.id, "TimedOut", "it ran into the time limit of the whole run", link)
            case cause:
                return JobFailed(self.id, type(cause).__name__, str(cause), link)


def _waits_for_worker(described: WorkflowExecutionDescription) -> bool:
    task = described.raw_description.pending_workflow_task
    return (
        described.raw_description.HasField("pending_workflow_task")
        and task.state == PendingWorkflowTaskState.PENDING_WORKFLOW_TASK_STATE_SCHEDULED
        and task.attempt <= 1  # later ones are tried again after a worker has failed in them
    )
