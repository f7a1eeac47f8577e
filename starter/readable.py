"""Failures as Temporal tells them, with their texts decrypted."""

from __future__ import annotations

from temporalio.api.failure.v1 import Failure
from temporalio.api.history.v1 import HistoryEvent
from temporalio.converter import DataConverter

from domain.errors import JobError
from workflows.data_converter import EncryptionKeyMissing, key_id_of, unreadable

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
