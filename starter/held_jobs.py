"""Jobs that wait because their kind or queue is paused: how to find them, and how to let them go on."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from temporalio.api.common.v1 import WorkflowExecution as ExecutionId
from temporalio.api.workflowservice.v1 import SignalWorkflowExecutionRequest
from temporalio.client import Client, WorkflowExecution
from temporalio.common import SearchAttributeKey, TypedSearchAttributes
from temporalio.service import RPCError

from domain.requests import kind_name
from starter import pauses
from starter.connection import RPC_TIMEOUT, explained
from starter.queries import quoted
from workflows.pausing import HELD, RESUME, WENT_ON, HeldRun, Target
from workflows.registry import Registry, registry

_AT_ONCE = 50
"""How many jobs are told to go on at the same time."""

_PATCHES = SearchAttributeKey.for_keyword_list("TemporalChangeVersion")

_HELD = f"{_PATCHES.name} = '{HELD}' AND {_PATCHES.name} != '{WENT_ON}' AND ExecutionStatus = 'Running'"


def is_held(attributes: TypedSearchAttributes) -> bool:
    """Whether a run that is running waits because it is paused, by its search attributes."""
    patches = attributes.get(_PATCHES) or ()
    return HELD in patches and WENT_ON not in patches


async def why(client: Client, run: WorkflowExecution) -> str:
    """What holds a run, for people. Raises TemporalUnreachable, NotAuthorised, UnknownNamespace."""
    found = [pause for target in _held_run(run).targets if (pause := await pauses.find(client, target))]
    told = [
        f"{pause.target} since {pause.since:%Y-%m-%d %H:%M:%S} UTC by {pause.by}"
        + (f" ({pause.reason})" if pause.reason else "")
        for pause in found
    ]
    return f"paused: {'; '.join(told)}" if told else "it was paused, and is about to go on"


async def count(client: Client, target: Target, *, kinds: Registry = registry) -> int:
    """How many jobs of a kind or queue wait. Raises TemporalUnreachable, NotAuthorised, UnknownNamespace."""
    async with explained(client):
        return (await client.count_workflows(_query(target, kinds), rpc_timeout=RPC_TIMEOUT)).count


async def release(client: Client, target: Target | None = None, *, kinds: Registry = registry) -> tuple[int, int]:
    """Tell the jobs (of one kind or queue) that no pause holds any more to go on.

    Returns how many were told so, and how many stay. Does no harm where others do the same at the same time.
    Raises TemporalUnreachable, NotAuthorised, UnknownNamespace.
    """
    async with explained(client):
        held = [_held_run(run) async for run in client.list_workflows(_query(target, kinds), rpc_timeout=RPC_TIMEOUT)]
    holding = {each for each in {each for run in held for each in run.targets} if await pauses.find(client, each)}
    free = [run for run in held if holding.isdisjoint(run.targets)]
    await let_go(client, free)
    return len(free), len(held) - len(free)


async def let_go(client: Client, runs: Sequence[HeldRun]) -> None:
    """Tell these runs to go on; one that has ended stays as it is. Raises as `release` does."""
    async with explained(client):
        for at in range(0, len(runs), _AT_ONCE):
            await asyncio.gather(*(_signal(client, run) for run in runs[at : at + _AT_ONCE]))


async def _signal(client: Client, run: HeldRun) -> None:
    request = SignalWorkflowExecutionRequest(
        namespace=client.namespace,
        workflow_execution=ExecutionId(workflow_id=run.workflow_id, run_id=run.run_id),
        signal_name=RESUME,
        # The same from everyone who sends it, so that the server takes it once.
        request_id=f"{RESUME} {run.run_id}",
        identity=client.identity,
    )
    try:
        await client.workflow_service.signal_workflow_execution(request, retry=True, timeout=RPC_TIMEOUT)
    except RPCError as exc:
        if not pauses.is_absent(exc):
            raise


def _held_run(run: WorkflowExecution) -> HeldRun:
    return HeldRun(run.id, run.run_id, kind_name(run.workflow_type), run.task_queue)


def _query(target: Target | None, kinds: Registry) -> str:
    if target is None:
        return _HELD
    if target.queue is not None:
        return f"{_HELD} AND TaskQueue = {quoted(target.queue)}"
    name = target.kind or ""
    known = {kind.name: kind.workflow_types for kind in kinds}
    # A kind that this code does not know is called so most likely.
    guess = "".join(part.capitalize() for part in name.split("-"))
    return f"{_HELD} AND WorkflowType IN ({', '.join(map(quoted, known.get(name, (guess,))))})"
