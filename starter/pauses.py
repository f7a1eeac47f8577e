"""Pausing a kind of job, or a queue: jobs that have not begun wait, however they were started, until it is resumed.

A pause is a run in Temporal that no worker serves: it is Running for as long as the pause lasts, with its reason as
summary. The Web UI shows it, and terminating it there ends the pause. Each worker process lists the pauses every two
seconds, holds jobs (`workflows/pausing.py`), and signals those that no pause holds any more.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import NoReturn, Self

from temporalio.api.common.v1 import WorkflowExecution as ExecutionId
from temporalio.api.workflowservice.v1 import SignalWorkflowExecutionRequest
from temporalio.client import Client, WorkflowExecution
from temporalio.common import (
    SearchAttributeKey,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import WorkflowAlreadyStartedError

from domain.values import Value
from starter.connection import RPC_TIMEOUT, explained, found, if_present
from starter.errors import StarterError
from starter.queries import quoted
from workflows.data_converter import EncryptionKeyMissing
from workflows.pausing import HELD, PAUSE, RESUME, WENT_ON, Pauses, Target
from workflows.registry import Registry, registry

_log = logging.getLogger(__name__)

_NO_QUEUE = "paused:nobody-polls-this"
"""Task queue of the pauses. No kind's queue can have a colon."""

_PREFIX, _OF_QUEUE = "paused/", "queue:"

MAX_REASON = 200
"""Maximum length of a reason, in characters."""

_MAX_CONCURRENT_SIGNALS = 50
_MAX_WAIT_S = 30.0
"""Between two looks while Temporal does not answer."""

_PATCHES = SearchAttributeKey.for_keyword_list("TemporalChangeVersion")
_HELD = f"{_PATCHES.name} = '{HELD}' AND {_PATCHES.name} != '{WENT_ON}' AND ExecutionStatus = 'Running'"


class CannotPause(StarterError, type_name="CannotPause"):
    """There is no such kind or queue, or the reason is not a line of text."""


class Pause(Value):
    """A kind or a queue that is paused: one of the two is None. Times are in UTC."""

    kind: str | None
    queue: str | None
    since: datetime
    by: str
    reason: str
    held: int = 0
    """Jobs that wait for it, if they were counted; a job that no worker has looked at yet is not among them."""
    new: bool = False
    """Whether the call that returned this began the pause; false if the pause was there."""
    id: str
    """Of its run in Temporal."""

    @property
    def target(self) -> Target:
        """What is paused."""
        return Target(kind=self.kind, queue=self.queue)

    @classmethod
    async def of(cls, run: WorkflowExecution) -> Self:
        """From its run."""
        name = run.id.removeprefix(_PREFIX)
        queue = name.removeprefix(_OF_QUEUE) if name.startswith(_OF_QUEUE) else None
        by, reason = [await _memo(run, key) for key in ("by", "reason")]
        kind = name if queue is None else None
        return cls(kind=kind, queue=queue, since=run.start_time, by=by, reason=reason, id=run.id)


async def pause(
    client: Client,
    *,
    kind: str | None = None,
    queue: str | None = None,
    reason: str = "",
    by: str | None = None,
    kinds: Registry = registry,
) -> Pause:
    """Pause a kind of job, or all kinds of a queue. Workers see it within some seconds.

    `by` is the person who does it (default: the client's identity). An existing pause stays as it is. Raises
    CannotPause, TemporalUnreachable, NotAuthorised, UnknownNamespace.
    """
    target = known_target(kinds, kind=kind, queue=queue)
    if len(reason) > MAX_REASON or not reason.isprintable():
        raise CannotPause(f"The reason must be one line of at most {MAX_REASON} characters.")
    new = True
    async with explained(client):
        try:
            await client.start_workflow(
                PAUSE,
                id=_pause_id(target),
                task_queue=_NO_QUEUE,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
                static_summary=reason or f"Paused: {target}",
                memo={"by": by or client.identity, "reason": reason},
                rpc_timeout=RPC_TIMEOUT,
            )
        except WorkflowAlreadyStartedError:
            new = False
        run = await client.get_workflow_handle(_pause_id(target)).describe(rpc_timeout=RPC_TIMEOUT)
    return (await Pause.of(run)).model_copy(update={"new": new})


async def resume(
    client: Client,
    *,
    kind: str | None = None,
    queue: str | None = None,
    by: str | None = None,
    kinds: Registry = registry,
) -> bool:
    """End a pause; false if there was none. Workers signal the jobs that no pause holds any more, within some seconds.

    Raises CannotPause for what is neither paused nor known, TemporalUnreachable, NotAuthorised, UnknownNamespace.
    """
    handle = client.get_workflow_handle(_pause_id(_one_of(kind, queue)))

    async def end() -> bool:
        await handle.terminate(reason=f"Resumed by {by or client.identity}", rpc_timeout=RPC_TIMEOUT)
        return True

    if await found(client, end()):
        return True
    known_target(kinds, kind=kind, queue=queue)
    return False


async def paused(client: Client, *, kinds: Registry = registry) -> list[Pause]:
    """What is paused, the longest first, with how many jobs each pause holds. Raises as `in_force` does."""
    counted = []
    for each in await in_force(client):
        async with explained(client):
            held = await client.count_workflows(f"{_HELD} AND {_runs_of(each.target, kinds)}", rpc_timeout=RPC_TIMEOUT)
        counted.append(each.model_copy(update={"held": held.count}))
    return counted


def known_target(kinds: Registry, *, kind: str | None = None, queue: str | None = None) -> Target:
    """The kind or the queue of that name. Raises CannotPause, which names those that there are."""
    target = _one_of(kind, queue)
    name, known = (kind, [each.name for each in kinds]) if kind is not None else (queue, kinds.queues())
    if name not in known:
        what = "kind" if kind is not None else "queue"
        raise CannotPause(f"There is no {what} {str(name)[:60]!r}; there are: {', '.join(known)}.")
    return target


async def in_force(client: Client) -> list[Pause]:
    """All pauses, the longest first. Lags by a moment. Raises TemporalUnreachable, NotAuthorised, UnknownNamespace."""
    query = f"WorkflowType = '{PAUSE}' AND ExecutionStatus = 'Running' AND WorkflowId STARTS_WITH '{_PREFIX}'"
    async with explained(client):
        pauses = [await Pause.of(run) async for run in client.list_workflows(query, rpc_timeout=RPC_TIMEOUT)]
    return sorted(pauses, key=lambda pause: pause.since)


def is_held(attributes: TypedSearchAttributes) -> bool:
    """Whether a run that is running waits because it is paused, by its search attributes."""
    patches = attributes.get(_PATCHES) or ()
    return HELD in patches and WENT_ON not in patches


async def why(client: Client, kind: str, queue: str) -> str:
    """What holds jobs of a kind on a queue, as a text. Raises TemporalUnreachable, NotAuthorised, UnknownNamespace."""
    targets = Target(kind=kind), Target(queue=queue)
    texts = [
        f"{pause.target} since {pause.since:%Y-%m-%d %H:%M:%S} UTC by {pause.by}"
        + (f" ({pause.reason})" if pause.reason else "")
        for pause in await in_force(client)
        if pause.target in targets
    ]
    return f"paused: {'; '.join(texts)}" if texts else "it was paused, and is about to go on"


async def release(client: Client, holding: Collection[Target] = (), *, kinds: Registry = registry) -> int:
    """Signal the held jobs that none of these pauses holds; returns how many. Several processes may do so at once.

    Raises TemporalUnreachable, NotAuthorised, UnknownNamespace.
    """
    query = " AND ".join([_HELD, *(_runs_of(each, kinds, exclude=True) for each in holding)])
    async with explained(client):
        free = [run async for run in client.list_workflows(query, rpc_timeout=RPC_TIMEOUT)]
        for at in range(0, len(free), _MAX_CONCURRENT_SIGNALS):
            await asyncio.gather(*(_signal(client, run) for run in free[at : at + _MAX_CONCURRENT_SIGNALS]))
    return len(free)


async def _signal(client: Client, run: WorkflowExecution) -> None:
    request = SignalWorkflowExecutionRequest(
        namespace=client.namespace,
        workflow_execution=ExecutionId(workflow_id=run.id, run_id=run.run_id),
        signal_name=RESUME,
        # The same from every sender, so that the server takes it once.
        request_id=f"{RESUME} {run.run_id}",
        identity=client.identity,
    )
    async with if_present(client):  # it may have ended meanwhile
        await client.workflow_service.signal_workflow_execution(request, retry=True, timeout=RPC_TIMEOUT)


class PauseWatch:
    """Keeps up to date what the workers of a process know of pauses, and signals held jobs when a pause has ended.

    If Temporal does not answer, the last known state still counts.
    """

    def __init__(
        self,
        client: Client,
        pauses: Pauses,
        kinds: Registry = registry,
        *,
        every: timedelta = timedelta(seconds=2),
        release_every: timedelta = timedelta(seconds=10),
    ) -> None:
        """`pauses` is what the workers read; `kinds` may grow later.

        `every`: how often to look for pauses. `release_every`: how often to look for jobs that no pause holds, such as
        one that another worker held a moment after the pause had ended.
        """
        self._client = client
        self._pauses = pauses
        self._kinds = kinds
        self._every = every.total_seconds()
        self._release_every = release_every.total_seconds()
        self._release_at = 0.0
        self._failing = False

    async def keep_up(self) -> NoReturn:
        """Look again and again, until cancelled."""
        wait = self._every
        while True:
            wait = self._every if await self.look() else min(2 * wait, _MAX_WAIT_S)
            await asyncio.sleep(wait * random.uniform(0.75, 1.25))  # noqa: S311  # spreads the calls of many processes

    async def look(self) -> bool:
        """Look once; a worker does before it takes its first task. Returns false if Temporal did not answer."""
        try:
            changed = self._update(await in_force(self._client))
            if changed or time.monotonic() >= self._release_at:
                await release(self._client, self._pauses.reasons.keys(), kinds=self._kinds)
                self._release_at = time.monotonic() + self._release_every
        except StarterError as exc:
            if not self._failing:
                _log.warning("What is paused cannot be seen. %s", exc, extra={"error": type(exc).__name__})
            self._failing = True
        except Exception:  # noqa: BLE001  # a payload codec that fails, say: the worker's jobs must not end with it
            _log.exception("What is paused cannot be seen")
            self._failing = True
        else:
            self._failing = False
        return not self._failing

    def _update(self, found: list[Pause]) -> bool:
        """Returns whether a pause began or ended."""
        before, now = self._pauses.reasons, {pause.target: pause.reason for pause in found}
        self._pauses.reasons = now
        for pause in found:
            if pause.target not in before:
                about = {"action": "pause", "paused": str(pause.target), "reason": pause.reason, "by": pause.by}
                _log.warning("Paused: jobs that have not begun wait", extra=about)
        for target in before.keys() - now.keys():
            _log.info("No longer paused: jobs go on", extra={"action": "resume", "paused": str(target)})
        return before.keys() != now.keys()


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


def _runs_of(target: Target, kinds: Registry, *, exclude: bool = False) -> str:
    """A query for the runs that a pause holds, or for all others."""
    if target.queue is not None:
        return f"TaskQueue {'!=' if exclude else '='} {quoted(target.queue)}"
    name = target.kind or ""
    # The workflow of a kind that this code does not know most likely has this name.
    types = {kind.name: kind.workflow_types for kind in kinds}.get(
        name, ("".join(part.capitalize() for part in name.split("-")),)
    )
    return f"WorkflowType {'NOT IN' if exclude else 'IN'} ({', '.join(map(quoted, types))})"
