"""What there is to say of a schedule, field by field, in a form that compares: of what we want and of what there is.

Temporal tells a schedule otherwise than it was given: cron lines come back as calendars, defaults are filled in, and
arguments may be encrypted anew each time. Both sides are read by the same function here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta

from google.protobuf.duration_pb2 import Duration
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import ScheduleOverlapPolicy
from temporalio.api.schedule.v1 import IntervalSpec, ScheduleSpec
from temporalio.api.schedule.v1 import Schedule as ScheduleMessage
from temporalio.api.workflow.v1 import NewWorkflowExecutionInfo
from temporalio.converter import DataConverter

from starter.scheduling.calendars import calendar_text
from workflows.data_converter import key_id_of

Fields = Mapping[str, str]
"""Name → value as text; what is not there has no name."""

_TASK_LIMIT = timedelta(seconds=10)
"""Temporal's default, which its command line writes out."""
_ENCODED = "an encoded value that this process cannot read"


async def fields(schedule: ScheduleMessage, converter: DataConverter) -> Fields:
    """All but its state: whether it is paused, and the note, are the operator's."""
    policies = schedule.policies
    overlap = ScheduleOverlapPolicy.Name(policies.overlap_policy).removeprefix("SCHEDULE_OVERLAP_POLICY_")
    found = {
        **_when(schedule.spec),
        **(await _action(schedule.action.start_workflow, converter)),
        "overlap": overlap.lower().replace("_", "-"),
        "catch-up window": _duration(policies.catchup_window),
        "pause on failure": "yes" if policies.pause_on_failure else "no",
        "run ids": "without their time" if policies.keep_original_workflow_id else "",
        "runs left": str(schedule.state.remaining_actions) if schedule.state.limited_actions else "",
    }
    return {name: value for name, value in found.items() if value}


def due(spec: ScheduleSpec) -> str:
    """When it is due, as a crontab has it: `0 3 * * *`."""
    return "; ".join(
        sorted({*map(calendar_text, spec.structured_calendar), *map(_interval, spec.interval), *spec.cron_string})
    )


def _when(spec: ScheduleSpec) -> dict[str, str]:
    return {
        "due": due(spec),
        "except": "; ".join(sorted(map(calendar_text, spec.exclude_structured_calendar))),
        "time zone": spec.timezone_name or "UTC",
        "own time zone rules": "yes" if spec.timezone_data else "",
        "jitter": _duration(spec.jitter),
        "from": spec.start_time.ToJsonString() if spec.HasField("start_time") else "",
        "until": spec.end_time.ToJsonString() if spec.HasField("end_time") else "",
    }


async def _action(start: NewWorkflowExecutionInfo, converter: DataConverter) -> dict[str, str]:
    task_limit = start.workflow_task_timeout.ToTimedelta()
    return {
        "workflow": start.workflow_type.name,
        "workflow id": start.workflow_id,
        "queue": start.task_queue.name,
        "request": ", ".join([await _value(payload, converter) for payload in start.input.payloads]),
        "summary": await _text(start.user_metadata.summary, converter),
        "note": await _text(start.user_metadata.details, converter),
        "search attributes": _sorted(
            {
                name: payload.data.decode(errors="replace")
                for name, payload in start.search_attributes.indexed_fields.items()
            }
        ),
        "memo": _sorted({name: await _value(payload, converter) for name, payload in start.memo.fields.items()}),
        # Encrypted anew under each key: what an old one has encrypted would be lost with it.
        "encryption key": ", ".join(sorted({key_id for each in _payloads(start) if (key_id := key_id_of(each))})),
        "headers": ", ".join(sorted(start.header.fields)),
        "limit of the execution": _duration(start.workflow_execution_timeout),
        "limit of a run": _duration(start.workflow_run_timeout),
        "limit of a task": "" if task_limit == _TASK_LIMIT else _duration(start.workflow_task_timeout),
        "retries": _message(start, "retry_policy"),
        "priority": _message(start, "priority"),
        "version": _message(start, "versioning_override"),
    }


def _payloads(start: NewWorkflowExecutionInfo) -> list[Payload]:
    """All that a payload codec is applied to."""
    return [
        *start.input.payloads,
        start.user_metadata.summary,
        start.user_metadata.details,
        *start.memo.fields.values(),
    ]


async def _value(payload: Payload, converter: DataConverter) -> str:
    """As JSON with its keys in order."""
    try:
        [decoded] = await converter.decode([payload])
        return json.dumps(decoded, sort_keys=True, ensure_ascii=False)
    except Exception:  # noqa: BLE001  # whatever codec and converter raise: it is not as we would have it
        return _ENCODED


async def _text(payload: Payload, converter: DataConverter) -> str:
    value = await _value(payload, converter) if payload.ByteSize() else '""'
    return value if value == _ENCODED else str(json.loads(value))


def _interval(interval: IntervalSpec) -> str:
    phase = _duration(interval.phase)
    return f"every {_duration(interval.interval)}" + (f" and {phase}" if phase else "")


def _duration(duration: Duration) -> str:
    """Empty for none at all, which is how some of Temporal's programs write a default."""
    return str(duration.ToTimedelta()) if duration.ToTimedelta() else ""


def _message(of: Message, field: str) -> str:
    given = getattr(of, field)
    return json.dumps(MessageToDict(given), sort_keys=True) if given.ByteSize() else ""


def _sorted(values: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in sorted(values.items()))
