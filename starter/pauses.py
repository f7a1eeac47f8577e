"""Pausing a kind of job, or a queue: jobs that have not begun wait, however they were started, until it is resumed.

A pause is a run in Temporal that no worker serves: it is Running for as long as the pause lasts, with its reason as
summary. The Web UI shows it, and terminating it there ends the pause. Workers look for pauses (`pause_watch.py`) and
hold jobs (`workflows/pausing.py`); a job that is held waits for a signal.
"""

from __future__ import annotations

import asyncio
import time
from datetime import datetime
from typing import Self

from pydantic import BaseModel, ConfigDict
from temporalio.api.common.v1 import WorkflowExecution as ExecutionId
from temporalio.api.workflowservice.v1 import SignalWorkflowExecutionRequest
from temporalio.client import Client, WorkflowExecution, WorkflowExecutionStatus
from temporalio.common import (
    SearchAttributeKey,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError

from starter.connection import RPC_TIMEOUT, explain, explained, is_absent, reached
from starter.errors import StarterError
from starter.queries import quoted
from workflows.data_converter import EncryptionKeyMissing
from workflows.pausing import HELD, PAUSE, RESUME, WENT_ON, Target, targets_of
from workflows.registry import Registry, registry

_NO_QUEUE = "paused:nobody-polls-this"
"""Task queue of the pauses. No kind's queue can have a colon."""

_PREFIX, _OF_QUEUE = "paused/", "queue:"

LONGEST_REASON = 200
"""Characters."""

_LISTED_WITHIN_S = 5.0
_MAX_CONCURRENT_SIGNALS = 50

_PATCHES = SearchAttributeKey.for_keyword_list("TemporalChangeVersion")

_HELD = f"{_PATCHES.name} = '{HELD}' AND {_PATCHES.name} != '{WENT_ON}' AND ExecutionStatus = 'Running'"


class CannotPause(StarterError, type_name="CannotPause"):
    """There is no such kind or queue, or the reason is not a line of text."""


class Pause(BaseModel):
    """A kind or a queue that is paused: one of the two is None. Times are in UTC."""

    model_config = ConfigDict(frozen=True)

    kind: str | None
    queue: str | None
    since: datetime
    by: str
    reason: str
    held: int = 0
    """Jobs that wait for it, as far as they were counted; a job that no worker has looked at yet is not among them."""
    new: bool = False
    """Whether the call that returned this began the pause; false if the pause was there."""
    id: str
    """Of its run in Temporal."""

    @property
    def target(self) -> Target:
        """What is paused."""
        return Target(kind=self.kind, queue=self.queue)

    @classmethod
    async def of(cls, run: WorkflowExecution) -> Self | None:
        """From its run; None if the run's id is not that of a pause."""
        if not run.id.startswith(_PREFIX):
            return None
        name = run.id.removeprefix(_PREFIX)
        queue = name.removeprefix(_OF_QUEUE) if name.startswith(_OF_QUEUE) else None
        return cls(
            kind=name if queue is None else None,
            queue=queue,
            since=run.start_time,
            by=await _memo(run, "by"),
            reason=await _memo(run, "reason"),
            id=run.id,
        )


class Resumed(BaseModel):
    """The result of a call to resume."""

    model_config = ConfigDict(frozen=True)

    kind: str | None
    queue: str | None
    was_paused: bool
    released: int
    """Jobs that were signalled to go on."""
    still_held: int
    """Jobs that another pause holds."""


async def pause(
    client: Client,
    *,
    kind: str | None = None,
    queue: str | None = None,
    reason: str = "",
    by: str | None = None,
    kinds: Registry = registry,
) -> Pause:
    """Pause a kind of job, or all kinds of a queue; returns when workers can see it, which they do in some seconds.

    `by` is the person who does it (default: the client's identity). An existing pause stays as it is. Raises
    CannotPause, TemporalUnreachable, NotAuthorised, UnknownNamespace.
    """
    target = known_target(kinds, kind=kind, queue=queue)
    if len(reason) > LONGEST_REASON or not reason.isprintable():
        raise CannotPause(f"The reason must be one line of at most {LONGEST_REASON} characters.")
    while True:  # it may be resumed in between
        new = await begin(client, target, reason=reason, by=by or client.identity)
        if found := await _listed(client, target) or await find(client, target):
            return found.model_copy(update={"new": new, "held": await _count(client, target, kinds)})


async def resume(
    client: Client,
    *,
    kind: str | None = None,
    queue: str | None = None,
    by: str | None = None,
    kinds: Registry = registry,
) -> Resumed:
    """End a pause, and let the jobs go on that it holds; those that another pause holds too stay.

    Can be run again if it was interrupted. Raises CannotPause for what is neither paused nor known,
    TemporalUnreachable, NotAuthorised, UnknownNamespace.
    """
    target = _one_of(kind, queue)
    was_paused = await end(client, target, by=by or client.identity)
    if not was_paused:
        known_target(kinds, kind=kind, queue=queue)
    released, still_held = await release(client, target, kinds=kinds)
    return Resumed(kind=kind, queue=queue, was_paused=was_paused, released=released, still_held=still_held)


async def paused(client: Client, *, kinds: Registry = registry) -> list[Pause]:
    """What is paused, the longest first, with how many jobs each pause holds. Raises as `in_force` does."""
    return [
        found.model_copy(update={"held": await _count(client, found.target, kinds)}) for found in await in_force(client)
    ]


def known_target(kinds: Registry, *, kind: str | None = None, queue: str | None = None) -> Target:
    """The kind or the queue of that name. Raises CannotPause, which names those that there are."""
    target = _one_of(kind, queue)
    name, known = (kind, [each.name for each in kinds]) if kind is not None else (queue, kinds.queues())
    if name not in known:
        what = "kind" if kind is not None else "queue"
        raise CannotPause(f"There is no {what} {str(name)[:60]!r}; there are: {', '.join(known)}.")
    return target


async def begin(client: Client, target: Target, *, reason: str, by: str) -> bool:
    """Start a pause; false if there is one. Raises TemporalUnreachable, NotAuthorised, UnknownNamespace."""
    try:
        async with explained(client):
            await client.start_workflow(
                PAUSE,
                id=_pause_id(target),
                task_queue=_NO_QUEUE,
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
    """End a pause; false if there is none. Raises TemporalUnreachable, NotAuthorised, UnknownNamespace."""
    try:
        async with reached(client):
            handle = client.get_workflow_handle(_pause_id(target))
            await handle.terminate(reason=f"Resumed by {by}", rpc_timeout=RPC_TIMEOUT)
    except RPCError as exc:
        if is_absent(exc):
            return False
        raise explain(exc, client) from exc
    return True


async def find(client: Client, target: Target) -> Pause | None:
    """The pause of this kind or queue, by its run: unlike a list, this does not lag.

    Raises TemporalUnreachable, NotAuthorised, UnknownNamespace.
    """
    try:
        async with reached(client):
            run = await client.get_workflow_handle(_pause_id(target)).describe(rpc_timeout=RPC_TIMEOUT)
    except RPCError as exc:
        if is_absent(exc):
            return None
        raise explain(exc, client) from exc
    return await Pause.of(run) if run.status is WorkflowExecutionStatus.RUNNING else None


async def in_force(client: Client) -> list[Pause]:
    """All pauses, the longest first. Lags by a moment. Raises TemporalUnreachable, NotAuthorised, UnknownNamespace."""
    query = f"WorkflowType = '{PAUSE}' AND ExecutionStatus = 'Running'"
    async with explained(client):
        found = [await Pause.of(run) async for run in client.list_workflows(query, rpc_timeout=RPC_TIMEOUT)]
    return sorted((pause for pause in found if pause), key=lambda pause: pause.since)


def is_held(attributes: TypedSearchAttributes) -> bool:
    """Whether a run that is running waits because it is paused, by its search attributes."""
    patches = attributes.get(_PATCHES) or ()
    return HELD in patches and WENT_ON not in patches


async def why(client: Client, run: WorkflowExecution) -> str:
    """What holds a run, as a text. Raises TemporalUnreachable, NotAuthorised, UnknownNamespace."""
    found = [pause for target in _targets(run) if (pause := await find(client, target))]
    texts = [
        f"{pause.target} since {pause.since:%Y-%m-%d %H:%M:%S} UTC by {pause.by}"
        + (f" ({pause.reason})" if pause.reason else "")
        for pause in found
    ]
    return f"paused: {'; '.join(texts)}" if texts else "it was paused, and is about to go on"


async def release(client: Client, target: Target | None = None, *, kinds: Registry = registry) -> tuple[int, int]:
    """Let jobs (of one kind or queue) go on that no pause holds any more; returns how many go on, and how many stay.

    Several processes can do this at the same time. Raises TemporalUnreachable, NotAuthorised, UnknownNamespace.
    """
    async with explained(client):
        held = [run async for run in client.list_workflows(_query(target, kinds), rpc_timeout=RPC_TIMEOUT)]
    holding = {each for each in {each for run in held for each in _targets(run)} if await find(client, each)}
    free = [run for run in held if holding.isdisjoint(_targets(run))]
    async with explained(client):
        for at in range(0, len(free), _MAX_CONCURRENT_SIGNALS):
            await asyncio.gather(*(_signal(client, run) for run in free[at : at + _MAX_CONCURRENT_SIGNALS]))
    return len(free), len(held) - len(free)


async def _signal(client: Client, run: WorkflowExecution) -> None:
    request = SignalWorkflowExecutionRequest(
        namespace=client.namespace,
        workflow_execution=ExecutionId(workflow_id=run.id, run_id=run.run_id),
        signal_name=RESUME,
        # The same from every sender, so that the server takes it once.
        request_id=f"{RESUME} {run.run_id}",
        identity=client.identity,
    )
    try:
        await client.workflow_service.signal_workflow_execution(request, retry=True, timeout=RPC_TIMEOUT)
    except RPCError as exc:
        if not is_absent(exc):  # it has ended meanwhile
            raise


async def _listed(client: Client, target: Target) -> Pause | None:
    """The pause once the list has it that workers look at, and that lags by a moment."""
    until = time.monotonic() + _LISTED_WITHIN_S
    while time.monotonic() < until:
        if found := [each for each in await in_force(client) if each.target == target]:
            return found[0]
        await asyncio.sleep(0.1)
    return None


async def _count(client: Client, target: Target, kinds: Registry) -> int:
    async with explained(client):
        return (await client.count_workflows(_query(target, kinds), rpc_timeout=RPC_TIMEOUT)).count


async def _memo(run: WorkflowExecution, name: str) -> str:
    try:
        return str(await run.memo_value(name, default=""))
    except EncryptionKeyMissing:
        return "(encrypted under a key that is not here)"  # the pause counts all the same


def _one_of(kind: str | None, queue: str | None) -> Target:
    if (kind is None) == (queue is None):
        raise CannotPause("Name either a kind or a queue.")
    return Target(kind=kind, queue=queue)


def _pause_id(target: Target) -> str:
    """`paused/order-confirmation`, `paused/queue:notifications`."""
    return f"{_PREFIX}{target.kind or f'{_OF_QUEUE}{target.queue}'}"


def _targets(run: WorkflowExecution) -> tuple[Target, Target]:
    return targets_of(run.workflow_type, run.task_queue)


def _query(target: Target | None, kinds: Registry) -> str:
    if target is None:
        return _HELD
    if target.queue is not None:
        return f"{_HELD} AND TaskQueue = {quoted(target.queue)}"
    name = target.kind or ""
    # The workflow of a kind that this code does not know most likely has this name.
    types = {kind.name: kind.workflow_types for kind in kinds}.get(
        name, ("".join(part.capitalize() for part in name.split("-")),)
    )
    return f"{_HELD} AND WorkflowType IN ({', '.join(map(quoted, types))})"
