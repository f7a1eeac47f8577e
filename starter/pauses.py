"""The pauses themselves: runs in Temporal that nobody works on.

Such a run is there, and Running, for as long as the pause lasts, with its reason as summary: the Web UI shows it, and
whoever terminates it there ends the pause.
"""

from __future__ import annotations

from datetime import datetime
from typing import Self

from pydantic import BaseModel, ConfigDict
from temporalio.client import Client, WorkflowExecution, WorkflowExecutionStatus
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from starter.connection import RPC_TIMEOUT, explain, explained, reached
from workflows.data_converter import EncryptionKeyMissing
from workflows.pausing import Target

PAUSE = "JobPause"
"""Workflow type of a pause. No kind of job, and left out where jobs are listed."""

_NOBODY = "paused:nobody-polls-this"
"""Task queue of the pauses. No kind's queue can have a colon."""

_PREFIX, _OF_QUEUE = "paused/", "queue:"


class Pause(BaseModel):
    """A kind or a queue that is paused: one of the two is None. Times are in UTC."""

    model_config = ConfigDict(frozen=True)

    kind: str | None
    queue: str | None
    since: datetime
    by: str
    reason: str
    held: int = 0
    """Jobs that wait for it, as far as they were counted; those that no worker has looked at yet are not among them."""
    new: bool = False
    """Whether the call that returned this made the pause; false where it was there."""
    id: str
    """Of its run in Temporal."""

    @property
    def target(self) -> Target:
        """What is paused."""
        return Target(kind=self.kind, queue=self.queue)

    @classmethod
    async def of(cls, run: WorkflowExecution) -> Self | None:
        """From its run; None where the run's id says that it is none."""
        target = _target_of(run.id)
        if target is None:
            return None
        return cls(
            kind=target.kind,
            queue=target.queue,
            since=run.start_time,
            by=await _memo(run, "by"),
            reason=await _memo(run, "reason"),
            id=run.id,
        )


async def _memo(run: WorkflowExecution, name: str) -> str:
    try:
        return str(await run.memo_value(name, default=""))
    except EncryptionKeyMissing:
        # It counts all the same.
        return "(encrypted under a key that is not here)"


def pause_id(target: Target) -> str:
    """Id of a pause's run: `paused/order-confirmation`, `paused/queue:notifications`."""
    return f"{_PREFIX}{target.kind or f'{_OF_QUEUE}{target.queue}'}"


def _target_of(run_id: str) -> Target | None:
    if not run_id.startswith(_PREFIX):
        return None
    name = run_id.removeprefix(_PREFIX)
    if name.startswith(_OF_QUEUE):
        return Target(queue=name.removeprefix(_OF_QUEUE))
    return Target(kind=name)


async def begin(client: Client, target: Target, *, reason: str, by: str) -> bool:
    """Start a pause; false where there is one. Raises TemporalUnreachable, NotAuthorised, UnknownNamespace."""
    try:
        async with explained(client):
            await client.start_workflow(
                PAUSE,
                id=pause_id(target),
                task_queue=_NOBODY,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
                static_summary=reason or f"Paused: {target}",
                memo={"by": by, "reason": reason},
                rpc_timeout=RPC_TIMEOUT,
            )
    except WorkflowAlreadyStartedError:
        return False
    return True


async def end(client: Client, target: Target, *, by: str) -> bool:
    """End a pause; false where there is none. Raises TemporalUnreachable, NotAuthorised, UnknownNamespace."""
    try:
        async with reached(client):
            handle = client.get_workflow_handle(pause_id(target))
            await handle.terminate(reason=f"Resumed by {by}", rpc_timeout=RPC_TIMEOUT)
    except RPCError as exc:
        if is_absent(exc):
            return False
        raise explain(exc, client) from exc
    return True


async def find(client: Client, target: Target) -> Pause | None:
    """The pause of this kind or queue, as its run itself tells: unlike a list, this does not lag behind.

    Raises TemporalUnreachable, NotAuthorised, UnknownNamespace.
    """
    try:
        async with reached(client):
            run = await client.get_workflow_handle(pause_id(target)).describe(rpc_timeout=RPC_TIMEOUT)
    except RPCError as exc:
        if is_absent(exc):
            return None
        raise explain(exc, client) from exc
    return await Pause.of(run) if run.status is WorkflowExecutionStatus.RUNNING else None


async def in_force(client: Client) -> list[Pause]:
    """All pauses, the longest first. Lags behind by a moment.

    Raises TemporalUnreachable, NotAuthorised, UnknownNamespace.
    """
    query = f"WorkflowType = '{PAUSE}' AND ExecutionStatus = 'Running'"
    async with explained(client):
        found = [await Pause.of(run) async for run in client.list_workflows(query, rpc_timeout=RPC_TIMEOUT)]
    return sorted((pause for pause in found if pause), key=lambda pause: pause.since)


def is_absent(exc: RPCError) -> bool:
    """Whether a call found no run of that id that is running."""
    return exc.status is RPCStatusCode.NOT_FOUND and "namespace" not in exc.message.lower()
