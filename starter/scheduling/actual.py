"""The schedules that Temporal has: one by its id, all of an owner, and the changes to one."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

from google.protobuf.message import DecodeError
from temporalio.api.common.v1 import Payload, WorkflowExecution
from temporalio.api.schedule.v1 import Schedule as ScheduleMessage
from temporalio.api.schedule.v1 import ScheduleInfo, SchedulePatch
from temporalio.api.workflowservice.v1 import (
    CreateScheduleRequest,
    DeleteScheduleRequest,
    DescribeScheduleRequest,
    GetWorkflowExecutionHistoryReverseRequest,
    ListScheduleMatchingTimesRequest,
    UpdateScheduleRequest,
)
from temporalio.client import Client
from temporalio.converter import decode_typed_search_attributes, encode_search_attributes
from temporalio.service import RPCError, RPCStatusCode

from starter.connection import RPC_TIMEOUT, explained
from starter.scheduling.desired import OWNER, ownership

_KEEPER = "temporal-sys-scheduler:"
"""Temporal's own workflow that keeps a schedule has this and the schedule's id as its id."""
_LAST_EVENTS = 200
_NOT_TOLD = frozenset(
    {
        RPCStatusCode.NOT_FOUND,
        # Of a server that keeps schedules in another way, or a user who may not look at its own workflows.
        RPCStatusCode.INVALID_ARGUMENT,
        RPCStatusCode.UNIMPLEMENTED,
        RPCStatusCode.PERMISSION_DENIED,
    }
)


@dataclass(frozen=True)
class Found:
    """A schedule as Temporal has it."""

    schedule: ScheduleMessage
    info: ScheduleInfo
    owner: str | None
    token: bytes
    """Another one after each change."""

    @property
    def paused(self) -> bool:
        """Whether no run is started, but by hand."""
        return self.schedule.state.paused

    @property
    def note(self) -> str:
        """What the last one who paused or unpaused it said; before that, what it was declared with."""
        return self.schedule.state.notes


class ActualSchedules:
    """The schedules of the client's namespace.

    Each call raises TemporalUnreachable, NotAuthorised, InvalidStart, and NotSetUp before `jobs setup`.
    """

    def __init__(self, client: Client) -> None:
        self.client = client

    async def find(self, schedule_id: str) -> Found | None:
        """One by its id; None where there is none."""
        request = DescribeScheduleRequest(namespace=self.client.namespace, schedule_id=schedule_id)
        async with explained(self.client):
            try:
                told = await self.client.workflow_service.describe_schedule(request, retry=True, timeout=RPC_TIMEOUT)
            except RPCError as exc:
                if exc.status is not RPCStatusCode.NOT_FOUND:
                    raise
                return None
        owner = decode_typed_search_attributes(told.search_attributes).get(OWNER)
        return Found(told.schedule, told.info, owner, told.conflict_token)

    async def owned(self, owner: str) -> list[str]:
        """Ids of all that are somebody's, sorted. One that was made or deleted within the last seconds may differ."""
        async with explained(self.client):
            listed = await self.client.list_schedules(f"{OWNER.name} = '{owner}'", rpc_timeout=RPC_TIMEOUT)
            return sorted({each.id async for each in listed})

    async def create(self, schedule_id: str, schedule: ScheduleMessage, owner: str) -> bool:
        """Make it; False where there is one."""
        request = CreateScheduleRequest(
            namespace=self.client.namespace,
            schedule_id=schedule_id,
            schedule=schedule,
            identity=self.client.identity,
            request_id=str(uuid.uuid4()),
        )
        encode_search_attributes(ownership(owner), request.search_attributes)
        async with explained(self.client):
            try:
                await self.client.workflow_service.create_schedule(request, retry=True, timeout=RPC_TIMEOUT)
            except RPCError as exc:
                if exc.status is not RPCStatusCode.ALREADY_EXISTS:
                    raise
                return False
        return True

    async def update(self, schedule_id: str, schedule: ScheduleMessage, owner: str, token: bytes) -> bool:
        """Change it, where it is still as it was when the token was told; False where it is gone.

        A change that comes too late is dropped without a word: look again.
        """
        request = UpdateScheduleRequest(
            namespace=self.client.namespace,
            schedule_id=schedule_id,
            schedule=schedule,
            conflict_token=token,
            identity=self.client.identity,
            request_id=str(uuid.uuid4()),
        )
        encode_search_attributes(ownership(owner), request.search_attributes)
        async with explained(self.client):
            try:
                await self.client.workflow_service.update_schedule(request, retry=True, timeout=RPC_TIMEOUT)
            except RPCError as exc:
                if exc.status is not RPCStatusCode.NOT_FOUND:
                    raise
                return False
        return True

    async def delete(self, schedule_id: str) -> bool:
        """Remove it; False where there was none. Its runs go on."""
        request = DeleteScheduleRequest(
            namespace=self.client.namespace, schedule_id=schedule_id, identity=self.client.identity
        )
        async with explained(self.client):
            try:
                await self.client.workflow_service.delete_schedule(request, retry=True, timeout=RPC_TIMEOUT)
            except RPCError as exc:
                if exc.status is not RPCStatusCode.NOT_FOUND:
                    raise
                return False
        return True

    async def due(self, schedule_id: str, after: datetime, until: datetime) -> list[datetime]:
        """The moments at which it is due after one moment and up to another; the first thousand of them.

        Temporal's own reckoning, with time zone and jitter, whether it is paused or not.
        """
        request = ListScheduleMatchingTimesRequest(namespace=self.client.namespace, schedule_id=schedule_id)
        request.start_time.FromDatetime(after)
        request.end_time.FromDatetime(until)
        async with explained(self.client):
            answer = await self.client.workflow_service.list_schedule_matching_times(
                request, retry=True, timeout=RPC_TIMEOUT
            )
        return [moment.ToDatetime(tzinfo=UTC) for moment in answer.start_time]

    async def unpaused_at(self, schedule_id: str) -> datetime | None:
        """When somebody let it go on last; None where nobody did lately, or the server does not tell.

        A schedule's description does not say so. Temporal's own workflow, which keeps it, gets a signal then: it is
        among the last of its events as long as the schedule has hardly run since.
        """
        request = GetWorkflowExecutionHistoryReverseRequest(
            namespace=self.client.namespace,
            execution=WorkflowExecution(workflow_id=f"{_KEEPER}{schedule_id}"),
            maximum_page_size=_LAST_EVENTS,
        )
        call = self.client.workflow_service.get_workflow_execution_history_reverse
        async with explained(self.client):
            try:
                told = await call(request, retry=True, timeout=RPC_TIMEOUT)
            except RPCError as exc:
                if exc.status not in _NOT_TOLD:
                    raise
                return None
        for event in told.history.events:
            signal = event.workflow_execution_signaled_event_attributes
            if signal.signal_name == "patch" and any(map(_unpauses, signal.input.payloads)):
                return event.event_time.ToDatetime(tzinfo=UTC)
        return None


def _unpauses(payload: Payload) -> bool:
    try:
        return bool(SchedulePatch.FromString(payload.data).unpause)
    except DecodeError:
        return False  # of a server that writes it in another form
