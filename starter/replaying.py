"""Which live runs the code at hand would break: their histories, replayed before it is deployed."""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from pathlib import Path

from google.protobuf.json_format import ParseError
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowHistory
from temporalio.converter import DataConverter
from temporalio.workflow import NondeterminismError

from domain.requests import kind_name
from starter.errors import StarterError
from workflows.registry import Registry
from workflows.replaying import job_replayer

_ENDS = {
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW,
}
"""The last events of runs that have ended."""

_MESSAGE = re.compile(r'message: "((?:[^"\\]|\\.)*)"')
"""In the text of the SDK's errors, which print a structure of theirs."""

_NO_HISTORY = "it is not what `temporal workflow show --output json` prints"

_LONGEST_REASON = 500
"""Characters."""


class UnreadableHistory(StarterError, type_name="UnreadableHistory"):
    """A file holds no history of a run."""


@dataclass(frozen=True)
class Recorded:
    """The history of one run, and where it is from."""

    history: WorkflowHistory
    workflow_type: str
    source: str
    """The file, or `server`."""
    running: bool


@dataclass(frozen=True)
class Replayed:
    """What came of one history. Without a `problem`, the run goes on under this code as it began."""

    job: str
    run_id: str
    kind: str
    running: bool
    source: str
    problem: str | None = None
    known: bool = True
    """Whether this code has the kind. One that it doesn't have is a problem only where the run is still running."""


async def from_files(paths: Iterable[Path]) -> AsyncIterator[Recorded]:
    """Histories as `temporal workflow show --output json` prints them; of a folder all `*.json` in it.

    Raises UnreadableHistory.
    """
    for path in paths:
        for file in sorted(path.rglob("*.json")) if path.is_dir() else [path]:
            yield _read(file)


def _read(file: Path) -> Recorded:
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        told = document["events"][0]["workflowExecutionStartedEventAttributes"]
        history = WorkflowHistory.from_json(told.get("workflowId") or file.stem, document)
        workflow_type = str(told["workflowType"]["name"])
    except (OSError, ValueError, LookupError, TypeError, AttributeError, ParseError) as exc:
        why = exc.strerror if isinstance(exc, OSError) else _NO_HISTORY
        raise UnreadableHistory(f"{file} cannot be read as a history: {why}.") from exc
    return Recorded(history, workflow_type, str(file), running=history.events[-1].event_type not in _ENDS)


async def replay(
    kinds: Registry, converter: DataConverter, recorded: AsyncIterator[Recorded]
) -> AsyncIterator[Replayed]:
    """Replay them with the code of these kinds, one after the other."""
    known = {name for kind in kinds for name in kind.workflow_types}
    current: deque[Recorded] = deque()
    unknown: deque[Replayed] = deque()

    async def histories() -> AsyncIterator[WorkflowHistory]:
        async for each in recorded:
            if each.workflow_type in known:
                current.append(each)
                yield each.history
            else:
                unknown.append(_unknown(each))

    async with job_replayer(kinds, converter).workflow_replay_iterator(histories()) as results:
        async for result in results:
            while unknown:
                yield unknown.popleft()
            yield _replayed(current.popleft(), result.replay_failure)
    while unknown:
        yield unknown.popleft()


def _unknown(recorded: Recorded) -> Replayed:
    stuck = f"this code has no kind {kind_name(recorded.workflow_type)!r}: the job would be stuck"
    return _told(recorded, problem=stuck if recorded.running else None, known=False)


def _replayed(recorded: Recorded, failure: Exception | None) -> Replayed:
    if failure is None:
        return _told(recorded)
    found = _MESSAGE.search(str(failure))
    text = " ".join((found[1].replace('\\"', '"') if found else str(failure)).split())
    if isinstance(failure, NondeterminismError):
        text = f"the workflow does not do what its history says: {text}"
    return _told(recorded, problem=text[:_LONGEST_REASON])


def _told(recorded: Recorded, *, problem: str | None = None, known: bool = True) -> Replayed:
    return Replayed(
        job=recorded.history.workflow_id,
        run_id=recorded.history.run_id,
        kind=kind_name(recorded.workflow_type),
        running=recorded.running,
        source=recorded.source,
        problem=problem,
        known=known,
    )
