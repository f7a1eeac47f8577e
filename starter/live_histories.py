"""The histories of jobs on the server: of those that were asked for the newest, and how many others there are."""

from __future__ import annotations

import asyncio
import re
from collections import Counter, deque
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from temporalio.client import Client, WorkflowExecution, WorkflowExecutionStatus
from temporalio.service import RPCError

from domain.requests import kind_name
from starter.connection import RPC_TIMEOUT, explained
from starter.pauses import PAUSE, is_absent
from starter.queries import quoted
from starter.replaying import Recorded
from workflows.registry import Registry

OTHERS = "other kinds"
"""Instead of the kind, of jobs whose kind this code does not have. No kind's name has a space."""

Left = Counter[tuple[str, bool]]
"""How many, by kind (or OTHERS) and whether they run."""

_AT_ONCE = 8
"""Histories that are fetched while others are replayed: more are never kept."""
_ORDER = re.compile(r"\s+ORDER\s+BY\s[\w\s,`]*$", re.IGNORECASE)
"""Some servers take it in lists; it is no part of the condition."""


@dataclass(frozen=True)
class Part:
    """Some of the jobs of a question, which are counted together."""

    query: str
    kind: str
    running: bool


@dataclass(frozen=True)
class Question:
    """Which jobs: a query, and its parts, by which those are counted that are too many to be looked at."""

    query: str
    parts: Sequence[Part]


class LiveHistories:
    """Histories of jobs on the server, fetched one after the other: however many there are, few are kept at a time."""

    def __init__(self, client: Client, kinds: Registry) -> None:
        """Share the client. `kinds`: of this code."""
        self._client = client
        self._kinds = {name: kind_name(name) for kind in kinds for name in kind.workflow_types}
        self._queues = ", ".join(map(quoted, kinds.queues()))
        self._unknown = f"WorkflowType NOT IN ({', '.join(map(quoted, [*sorted(self._kinds), PAUSE]))})"
        self.left: Left = Counter()
        """How many were not looked at; complete once all histories are had."""

    def everything(self) -> list[Question]:
        """Of each kind what runs and what has ended; and what runs on our queues that is no known kind."""
        of_kinds = [
            Part(f"WorkflowType = {quoted(name)} AND {_status(running=running)}", self._kinds[name], running)
            for name in sorted(self._kinds)
            for running in (True, False)
        ]
        others = f"{self._unknown} AND TaskQueue IN ({self._queues}) AND {_status(running=True)}"
        return [Question(part.query, [part]) for part in [*of_kinds, Part(others, OTHERS, running=True)]]

    def asked(self, query: str) -> Question:
        """What somebody asks for, in the language of Temporal's lists."""
        which = [
            *((f"WorkflowType = {quoted(name)}", kind) for name, kind in sorted(self._kinds.items())),
            (self._unknown, OTHERS),
        ]
        condition = _ORDER.sub("", query)
        parts = [
            Part(f"({condition}) AND {of_type} AND {_status(running=running)}", kind, running)
            for of_type, kind in which
            for running in (True, False)
        ]
        return Question(query, parts)

    async def of(self, questions: Sequence[Question], *, limit: int | None) -> AsyncIterator[Recorded]:
        """Histories of at most `limit` runs of each question, newest first; those that vanish meanwhile are left out.

        Raises TemporalUnreachable, NotAuthorised, UnknownNamespace, InvalidStart for a query that Temporal refuses.
        """
        fetching: deque[asyncio.Task[Recorded | None]] = deque()
        try:
            async with explained(self._client):
                for question in questions:
                    seen: Left = Counter()
                    async for run in self._client.list_workflows(question.query, limit=limit, rpc_timeout=RPC_TIMEOUT):
                        seen[self._part_of(run)] += 1
                        if run.workflow_type == PAUSE:
                            continue  # no job
                        fetching.append(asyncio.create_task(self._fetch(run)))
                        if len(fetching) >= _AT_ONCE and (found := await fetching.popleft()):
                            yield found
                    if limit is not None and seen.total() >= limit:
                        await self._count(question, seen)
                while fetching:
                    if found := await fetching.popleft():
                        yield found
        finally:
            for task in fetching:
                task.cancel()
                with suppress(asyncio.CancelledError, RPCError):
                    await task

    def _part_of(self, run: WorkflowExecution) -> tuple[str, bool]:
        kind = "" if run.workflow_type == PAUSE else self._kinds.get(run.workflow_type, OTHERS)
        return kind, run.status is WorkflowExecutionStatus.RUNNING

    async def _count(self, question: Question, seen: Left) -> None:
        there: Left = Counter()
        for part in question.parts:
            counted = await self._client.count_workflows(part.query, rpc_timeout=RPC_TIMEOUT)
            there[part.kind, part.running] += counted.count
        self.left.update(there - seen)

    async def _fetch(self, run: WorkflowExecution) -> Recorded | None:
        handle = self._client.get_workflow_handle(run.id, run_id=run.run_id)
        try:
            history = await handle.fetch_history(rpc_timeout=RPC_TIMEOUT)
        except RPCError as exc:
            if is_absent(exc):
                return None  # its retention has ended
            raise
        running = run.status is WorkflowExecutionStatus.RUNNING
        return Recorded(history, run.workflow_type, "server", running=running)


def _status(*, running: bool) -> str:
    return f"ExecutionStatus {'=' if running else '!='} 'Running'"
