"""Reads runs' histories from Temporal."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import TypeVar

from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflowservice.v1 import GetWorkflowExecutionHistoryReverseRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from starter.connection import RPC_TIMEOUT, explain, is_absent, reached
from starter.readable import make_readable

T = TypeVar("T")

_LAST = 50
"""How many of a history's last events are read: a step has fewer."""


async def found(client: Client, call: Awaitable[T]) -> T | None:
    """The answer to a call; None if Temporal does not have what was asked for.

    Raises TemporalUnreachable, NotAuthorised, UnknownNamespace.
    """
    try:
        async with reached(client):
            return await call
    except RPCError as exc:
        if is_absent(exc):
            return None
        raise explain(exc, client) from exc


async def last_events(client: Client, workflow_id: str, run_id: str) -> Sequence[HistoryEvent]:
    """A run's last events, latest first; none from Temporal's test server, which lacks this call. Raises RPCError."""
    request = GetWorkflowExecutionHistoryReverseRequest(namespace=client.namespace, maximum_page_size=_LAST)
    request.execution.workflow_id = workflow_id
    request.execution.run_id = run_id
    try:
        answer = await client.workflow_service.get_workflow_execution_history_reverse(
            request, retry=True, timeout=RPC_TIMEOUT
        )
    except RPCError as exc:
        if exc.status is RPCStatusCode.UNIMPLEMENTED:
            return ()
        raise
    return answer.history.events


async def all_events(client: Client, workflow_id: str, run_id: str) -> Sequence[HistoryEvent] | None:
    """A run's events, failures decrypted; None if Temporal has forgotten the run. Raises what `found` raises."""
    handle = client.get_workflow_handle(workflow_id, run_id=run_id)
    history = await found(client, handle.fetch_history(rpc_timeout=RPC_TIMEOUT))
    if history is None:
        return None
    for event in history.events:
        await make_readable(event, client.data_converter)
    return history.events
