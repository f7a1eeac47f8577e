"""Reads runs' histories from Temporal, with the texts of failures decrypted."""

from __future__ import annotations

from collections.abc import Sequence

from temporalio.api.failure.v1 import Failure
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflowservice.v1 import GetWorkflowExecutionHistoryReverseRequest
from temporalio.client import Client
from temporalio.converter import DataConverter
from temporalio.service import RPCError, RPCStatusCode

from domain.errors import JobError
from starter.connection import RPC_TIMEOUT, found
from workflows.data_converter import EncryptionKeyMissing, key_id_of, unreadable

_LAST = 50
"""How many of a history's last events are read: a step has fewer."""


async def last_events(
    client: Client, workflow_id: str, run_id: str = "", *, limit: int = _LAST
) -> Sequence[HistoryEvent]:
    """A run's last events, latest first; none from Temporal's test server, which lacks this call. Raises RPCError."""
    request = GetWorkflowExecutionHistoryReverseRequest(namespace=client.namespace, maximum_page_size=limit)
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


_FAILURES = {
    "marker_recorded_event_attributes": "failure",
    "activity_task_started_event_attributes": "last_failure",
    "activity_task_failed_event_attributes": "failure",
    "activity_task_timed_out_event_attributes": "failure",
    "workflow_task_failed_event_attributes": "failure",
    "workflow_execution_failed_event_attributes": "failure",
}
"""Of an event's attributes the one that is a failure."""


async def readable(failure: Failure, converter: DataConverter) -> Failure:
    """A copy with the texts that are encrypted; as it is where they are not, or cannot be read here."""
    copy = Failure()
    copy.CopyFrom(failure)
    each: Failure | None = copy
    while each is not None:
        if each.HasField("encoded_attributes"):
            try:
                [texts] = await converter.decode([each.encoded_attributes])
                each.message, each.stack_trace = str(texts["message"]), str(texts["stack_trace"])
            except EncryptionKeyMissing:
                each.message = unreadable(key_id_of(each.encoded_attributes) or "")
            except (JobError, ValueError, KeyError, TypeError, RuntimeError):
                pass  # another codec's, or another SDK's form: as it is
        each = each.cause if each.HasField("cause") else None
    return copy


async def make_readable(event: HistoryEvent, converter: DataConverter) -> None:
    """Let the failure of an event, where it has one, be `readable`."""
    name = event.WhichOneof("attributes")
    field = _FAILURES.get(name) if name else None
    if name is None or field is None:
        return
    attributes = getattr(event, name)
    if attributes.HasField(field):
        failure: Failure = getattr(attributes, field)
        failure.CopyFrom(await readable(failure, converter))
