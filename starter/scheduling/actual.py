"""The schedules that Temporal has: one by its id, all of an owner, and the changes to one."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from typing import TypeVar

from google.protobuf.message import DecodeError
from temporalio.api.schedule.v1 import Schedule as ScheduleMessage
from temporalio.api.schedule.v1 import SchedulePatch
from temporalio.api.workflowservice.v1 import ListScheduleMatchingTimesRequest, UpdateScheduleRequest
from temporalio.client import Client, Schedule, ScheduleAlreadyRunningError, ScheduleDescription
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes
from temporalio.converter import encode_search_attributes
from temporalio.service import RPCStatusCode

from starter.connection import RPC_TIMEOUT, explained, if_present
from starter.history import last_events

T = TypeVar("T")

OWNER = SearchAttributeKey.for_keyword("ScheduleOwner")
"""Of a schedule, not of its runs: whose table it belongs to. It stays when the schedule is updated by hand."""

_KEEPER = "temporal-sys-scheduler:"
"""Beginning of the id of Temporal's own workflow that keeps a schedule; the schedule's id follows."""
_LAST_EVENTS = 200
_MAX_CONCURRENCY = 10
_HIDDEN = (
    # Of a server that keeps schedules in another way, or a user who may not look at its own workflows.
    RPCStatusCode.INVALID_ARGUMENT,
    RPCStatusCode.PERMISSION_DENIED,
)


def owner_of(found: ScheduleDescription) -> str | None:
    """Return whose table a schedule belongs to."""
    return found.typed_search_attributes.get(OWNER)


class ActualSchedules:
    """The schedules of the client's namespace.

    Each call raises TemporalUnreachable, NotAuthorised, InvalidStart, and NotSetUp before `jobs setup`.
    """

    def __init__(self, client: Client) -> None:
        self.client = client

    async def find(self, schedule_id: str) -> ScheduleDescription | None:
        """Return one by its id; None if there is none."""
        async with if_present(self.client):
            return await self.client.get_schedule_handle(schedule_id).describe(rpc_timeout=RPC_TIMEOUT)
        return None

    async def owned(self, owner: str) -> list[str]:
        """Return the ids of an owner's schedules, sorted. One that was changed within the last seconds may differ."""
        async with explained(self.client):
            listed = await self.client.list_schedules(f"{OWNER.name} = '{owner}'", rpc_timeout=RPC_TIMEOUT)
            return sorted({each.id async for each in listed})

    async def for_each(
        self,
        declared: Iterable[str],
        owner: str,
        result_of: Callable[[str, ScheduleDescription | None], Awaitable[T | None]],
    ) -> list[T]:
        """Look at each declared schedule and each of the owner's; return the results that are not None, by id."""
        limit = asyncio.Semaphore(_MAX_CONCURRENCY)

        async def one(schedule_id: str) -> T | None:
            async with limit:
                return await result_of(schedule_id, await self.find(schedule_id))

        ids = sorted({*declared, *await self.owned(owner)})
        return [each for each in await asyncio.gather(*map(one, ids)) if each is not None]

    async def create(self, schedule_id: str, schedule: Schedule, owner: str) -> bool:
        """Create it; False if there is one already."""
        async with explained(self.client):
            try:
                await self.client.create_schedule(
                    schedule_id, schedule, search_attributes=_owned_by(owner), rpc_timeout=RPC_TIMEOUT
                )
            except ScheduleAlreadyRunningError:
                return False
        return True

    async def update(self, schedule_id: str, schedule: ScheduleMessage, owner: str, token: bytes) -> bool:
        """Change it, if it still has the token; False if it is gone.

        Temporal drops a change that comes too late, and reports no error: look again. Not by the SDK's `update`: it
        does not pass the token on, so that an operator's pause in between would be lost.
        """
        request = UpdateScheduleRequest(
            namespace=self.client.namespace,
            schedule_id=schedule_id,
            schedule=schedule,
            conflict_token=token,
            identity=self.client.identity,
            request_id=str(uuid.uuid4()),
        )
        encode_search_attributes(_owned_by(owner), request.search_attributes)
        async with if_present(self.client):
            await self.client.workflow_service.update_schedule(request, retry=True, timeout=RPC_TIMEOUT)
            return True
        return False

    async def delete(self, schedule_id: str) -> bool:
        """Delete it; False if there was none. Its runs go on."""
        async with if_present(self.client):
            await self.client.get_schedule_handle(schedule_id).delete(rpc_timeout=RPC_TIMEOUT)
            return True
        return False

    async def due(self, schedule_id: str, after: datetime, until: datetime) -> list[datetime]:
        """Return the moments at which it is due after one moment and up to another; the first thousand of them.

        Temporal computes them, with time zone and jitter, whether it is paused or not.
        """
        request = ListScheduleMatchingTimesRequest(namespace=self.client.namespace, schedule_id=schedule_id)
        request.start_time.FromDatetime(after)
        request.end_time.FromDatetime(until)
        list_times = self.client.workflow_service.list_schedule_matching_times
        async with if_present(self.client):
            answer = await list_times(request, retry=True, timeout=RPC_TIMEOUT)
            return [moment.ToDatetime(tzinfo=UTC) for moment in answer.start_time]
        return []

    async def unpaused_at(self, schedule_id: str) -> datetime | None:
        """Return when it was unpaused last; None if that was long ago, or the server does not show it.

        Only Temporal's own workflow, which keeps the schedule, knows: it gets a signal then, which is among its last
        events as long as the schedule has hardly run since.
        """
        async with if_present(self.client, *_HIDDEN):
            for event in await last_events(self.client, f"{_KEEPER}{schedule_id}", limit=_LAST_EVENTS):
                signal = event.workflow_execution_signaled_event_attributes
                if signal.signal_name == "patch" and any(_unpauses(each.data) for each in signal.input.payloads):
                    return event.event_time.ToDatetime(tzinfo=UTC)
        return None


def _owned_by(owner: str) -> TypedSearchAttributes:
    return TypedSearchAttributes([SearchAttributePair(OWNER, owner)])


def _unpauses(patch: bytes) -> bool:
    try:
        return bool(SchedulePatch.FromString(patch).unpause)
    except DecodeError:
        return False  # of a server that writes it in another form
