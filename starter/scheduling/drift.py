"""How Temporal's schedules differ from the declared ones, field by field. Looks, and changes nothing."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, MutableSequence
from datetime import timedelta
from enum import StrEnum

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from temporalio.api.common.v1 import Payload
from temporalio.api.schedule.v1 import Schedule as ScheduleMessage
from temporalio.api.schedule.v1 import StructuredCalendarSpec
from temporalio.client import Client, ScheduleDescription
from temporalio.converter import DataConverter

from domain.values import Value
from starter.scheduling.actual import ActualSchedules, owner_of
from starter.scheduling.calendars import calendar_text, due
from starter.scheduling.declared import Schedule, ScheduleTable
from workflows.data_converter import key_id_of

_TASK_TIMEOUT = timedelta(seconds=10)
"""Temporal's default, which its command line writes out."""
_CONTAINERS = frozenset(
    {"spec", "action", "start_workflow", "policies", "state", "user_metadata", "payloads", "fields", "indexed_fields"}
)
"""Levels of Temporal's message that would only lengthen a field's name."""


class DriftState(StrEnum):
    """What applying the table would do to a schedule."""

    same = "same"
    """Nothing: it is as declared, paused or not."""
    added = "added"
    """Declared, and not in Temporal."""
    changed = "changed"
    """In Temporal otherwise than declared."""
    gone = "gone"
    """Ours in Temporal, and no longer declared."""
    foreign = "foreign"
    """In Temporal under an id of the table's, and not ours."""


class Change(Value):
    """A field that is not as declared."""

    field: str
    is_now: str | None
    """In Temporal; None if it has no value there."""
    declared: str | None


class Drift(Value):
    """One schedule, as declared and as it is."""

    id: str
    state: DriftState
    changes: tuple[Change, ...] = ()
    paused: bool = False
    """By an operator, or by a failed run. A pause is no drift: applying keeps it."""
    note: str = ""
    """With the pause."""
    owner: str | None = None
    """Of one in Temporal."""


async def compare(
    schedule: Schedule, table: ScheduleTable, client: Client, found: ScheduleDescription | None, owner: str
) -> Drift:
    """Compare one schedule of the table with what was found of it."""
    # The SDK's own conversion: it has no other way to show what it would send.
    wanted = await fields(await table.for_temporal(schedule)._to_proto(client), client.data_converter)
    actual = await fields(found.raw_description.schedule, client.data_converter) if found else {}
    changes = tuple(
        Change(field=name, is_now=actual.get(name), declared=wanted.get(name))
        for name in sorted({*actual, *wanted})
        if actual.get(name) != wanted.get(name)
    )
    if found is None:
        return Drift(id=schedule.id, state=DriftState.added, changes=changes)
    state = DriftState.changed if changes else DriftState.same
    return _of(state if owner_of(found) == owner else DriftState.foreign, found, changes)


async def drift(table: ScheduleTable, there: ActualSchedules, owner: str) -> list[Drift]:
    """Compare all of the table, and those of ours that left it, by id. Raises as `ActualSchedules` does."""

    async def one(schedule_id: str, found: ScheduleDescription | None) -> Drift | None:
        if (schedule := table.get(schedule_id)) is not None:
            return await compare(schedule, table, there.client, found, owner)
        # A listed one may have been deleted since.
        return _of(DriftState.gone, found) if found and owner_of(found) == owner else None

    return await there.for_each(table.ids, owner, one)


async def fields(schedule: ScheduleMessage, converter: DataConverter) -> dict[str, str]:
    """Return every field that has a value, as text: without a pause and its note, which are the operator's."""
    plain = ScheduleMessage()
    plain.CopyFrom(schedule)
    plain.state.ClearField("paused")
    plain.state.ClearField("notes")
    start, spec = plain.action.start_workflow, plain.spec
    start.task_queue.ClearField("kind")
    if start.workflow_task_timeout.ToTimedelta() == _TASK_TIMEOUT:
        start.ClearField("workflow_task_timeout")
    found: dict[str, list[str]] = defaultdict(list, {"due": [due(spec)]} if schedule.HasField("spec") else {})
    spec.timezone_name = spec.timezone_name or "UTC"
    spec.ClearField("structured_calendar")
    spec.ClearField("interval")
    spec.ClearField("cron_string")
    async for name, value in _leaves(plain, converter, ""):
        found[name].append(value)
    return {name: ", ".join(values) for name, values in found.items()}


async def _leaves(of: Message, converter: DataConverter, name: str) -> AsyncIterator[tuple[str, str]]:
    match of:
        case Payload():
            yield name, await _decoded(of, converter)
        case Duration():
            # Zero is how some of Temporal's programs write that there is none.
            if of.ToTimedelta():
                yield name, str(of.ToTimedelta())
        case Timestamp():
            yield name, of.ToJsonString()
        case StructuredCalendarSpec():
            yield name, calendar_text(of)
        case _:
            for field, value in of.ListFields():
                inner = name if field.name in _CONTAINERS else f"{name} {field.name.replace('_', ' ')}".strip()
                if isinstance(value, Mapping):
                    parts = [(f"{inner} {key}", each) for key, each in sorted(value.items())]
                else:
                    parts = [(inner, each) for each in (value if isinstance(value, MutableSequence) else [value])]
                for label, part in parts:
                    if isinstance(part, Message):
                        async for leaf in _leaves(part, converter, label):
                            yield leaf
                    else:
                        yield label, field.enum_type.values_by_number[part].name if field.enum_type else str(part)


async def _decoded(payload: Payload, converter: DataConverter) -> str:
    """Return a value as JSON, with the key that it is encrypted under: it would be lost with an old one."""
    key_id = key_id_of(payload)
    try:
        [value] = await converter.decode([payload])
    except Exception:  # noqa: BLE001  # whatever codec and converter raise: it is not as declared
        return "an encoded value that this process cannot read"
    return json.dumps(value, sort_keys=True, ensure_ascii=False) + (f" under key {key_id}" if key_id else "")


def _of(state: DriftState, found: ScheduleDescription, changes: tuple[Change, ...] = ()) -> Drift:
    paused = found.schedule.state.paused
    note = (found.schedule.state.note or "") if paused else ""
    return Drift(id=found.id, state=state, changes=changes, paused=paused, note=note, owner=owner_of(found))
