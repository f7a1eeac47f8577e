"""Which live runs the code at hand would break: their histories, replayed before it is deployed."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from google.protobuf.json_format import ParseError
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHistory
from temporalio.converter import DataConverter
from temporalio.workflow import NondeterminismError

from starter.connection import RPC_TIMEOUT, explained, found
from starter.errors import StarterError
from starter.queries import quoted
from workflows.hosting import job_replayer
from workflows.pausing import PAUSE
from workflows.registry import Registry

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
"""In the text of the SDK's errors, which print a structure of the core."""

_MAX_REASON = 500
"""Characters."""


class UnreadableHistory(StarterError, type_name="UnreadableHistory"):
    """A file holds no history of a run."""


@dataclass(frozen=True)
class Recorded(WorkflowHistory):
    """The history of one run, and the file that it is from."""

    source: str = "server"

    def replayed(self, kinds: Registry, problem: str | None = None) -> Replayed:
        """The result of its replay by the code of these kinds."""
        workflow_type = self.events[0].workflow_execution_started_event_attributes.workflow_type.name
        running = self.events[-1].event_type not in _ENDS
        kind, known = kinds.name_of(workflow_type), any(workflow_type in each.workflow_types for each in kinds)
        if not known and running:
            problem = f"this code has no kind {kind!r}: the job would be stuck"
        return Replayed(self.workflow_id, self.run_id, kind, running, self.source, problem, known)


@dataclass(frozen=True)
class Replayed:
    """The result for one history. Without a `problem`, the run goes on under this code as it began."""

    job: str
    run_id: str
    kind: str
    running: bool
    source: str
    problem: str | None = None
    known: bool = True
    """Whether this code has the kind. An unknown kind is a problem only while the run is running."""


async def from_files(paths: Iterable[Path]) -> AsyncIterator[Recorded]:
    """Histories as `temporal workflow show --output json` prints them; of a folder all `*.json` in it.

    Raises UnreadableHistory.
    """
    for path in paths:
        for file in sorted(path.rglob("*.json")) if path.is_dir() else [path]:
            try:
                history = WorkflowHistory.from_json(file.stem, file.read_text(encoding="utf-8"))
                name = history.events[0].workflow_execution_started_event_attributes.workflow_id
            except (OSError, ValueError, LookupError, TypeError, AttributeError, ParseError) as exc:
                why = "it is not what `temporal workflow show --output json` prints"
                why = str(exc.strerror) if isinstance(exc, OSError) else why
                raise UnreadableHistory(f"{file} cannot be read as a history: {why}.") from exc
            yield Recorded(name or file.stem, history.events, str(file))


def queries_of(kinds: Registry) -> list[str]:
    """For each kind the runs that are running and those that have ended; and running ones of unknown kinds."""
    types = sorted(name for kind in kinds for name in kind.workflow_types)
    of_kinds = [
        f"WorkflowType = {quoted(name)} AND ExecutionStatus {sign} 'Running'" for name in types for sign in ("=", "!=")
    ]
    unknown = f"WorkflowType NOT IN ({', '.join(map(quoted, [*types, PAUSE]))})"
    queues = ", ".join(map(quoted, kinds.queues()))
    return [*of_kinds, f"{unknown} AND TaskQueue IN ({queues}) AND ExecutionStatus = 'Running'"]


async def from_server(client: Client, queries: Sequence[str], *, limit: int | None) -> AsyncIterator[Recorded]:
    """Histories of up to `limit` runs of each query, newest first.

    Raises TemporalUnreachable, NotAuthorised, UnknownNamespace, InvalidStart for a query that Temporal refuses.
    """
    async with explained(client):
        for query in queries:
            async for run in client.list_workflows(query, limit=limit, rpc_timeout=RPC_TIMEOUT):
                if run.workflow_type == PAUSE:
                    continue  # no job
                handle = client.get_workflow_handle(run.id, run_id=run.run_id)
                history = await found(client, handle.fetch_history(rpc_timeout=RPC_TIMEOUT))
                if history is not None:  # else its retention has ended
                    yield Recorded(history.workflow_id, history.events)


async def replay(
    kinds: Registry, converter: DataConverter, recorded: AsyncIterator[Recorded]
) -> AsyncIterator[Replayed]:
    """Replay histories with the code of these kinds, one after the other; those of unknown kinds come last."""
    unknown: list[Replayed] = []

    async def of_known_kinds() -> AsyncIterator[WorkflowHistory]:
        async for each in recorded:
            if (result := each.replayed(kinds)).known:
                yield each
            else:
                unknown.append(result)

    async with job_replayer(kinds, converter).workflow_replay_iterator(of_known_kinds()) as results:
        async for result in results:
            if isinstance(result.history, Recorded):  # all are
                yield result.history.replayed(kinds, _problem(result.replay_failure))
    for each in unknown:
        yield each


def _problem(failure: Exception | None) -> str | None:
    if failure is None:
        return None
    found = _MESSAGE.search(str(failure))
    text = " ".join((found[1].replace('\\"', '"') if found else str(failure)).split())
    if isinstance(failure, NondeterminismError):
        text = f"the workflow does not do what its history says: {text}"
    return text[:_MAX_REASON]
