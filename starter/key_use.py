"""Which jobs, letters and schedules still need an encryption key, as far as Temporal can be asked."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterable, AsyncIterator
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DescribeScheduleRequest, GetWorkflowExecutionHistoryRequest
from temporalio.client import Client
from temporalio.service import RPCError

from starter.connection import RPC_TIMEOUT, explained
from starter.pauses import is_absent
from workflows.data_converter import KEY_ID
from workflows.pausing import PAUSE

LATELY = timedelta(hours=1)
"""What was encrypted within this was encrypted by somebody who does so still."""
MOST = 10_000
"""Of the runs of each need that are looked at, the newest first: some ten milliseconds each."""
_EXAMPLES = 3
_AT_ONCE = 10


class Need(StrEnum):
    """What needs the key: a closed set, in the order in which it is told."""

    running = "running jobs"
    letters = "dead letters that are not settled"
    schedules = "schedules"
    pauses = "pauses in force"
    lately = "jobs that ended within the last hour, and were encrypted under it by then"


class KeyUse:
    """Looks for what is encrypted under a key; the key itself is not needed for that."""

    def __init__(self, client: Client, key_id: str, *, most: int = MOST) -> None:
        """Share the client. `most`: runs of each need that are looked at."""
        self._client = client
        self._most = most
        # A payload's metadata in protobuf's form: name, and value with its tag and length, which is below 128.
        self._mark = KEY_ID.encode() + b"\x12" + bytes([len(key_id)]) + key_id.encode()
        self.counts: Counter[Need] = Counter()
        self.examples: defaultdict[Need, list[str]] = defaultdict(list)
        self.jobs: set[str] = set()
        """Ids of those whose history was looked at."""
        self.complete = True
        """False where more may need it than was looked at. Of what has ended lately the newest tell enough."""
        self.empty = False
        """Whether the namespace has neither jobs nor schedules: it tells nothing, and may be the wrong one."""

    async def look(self, letters: AsyncIterable[tuple[str, str]]) -> None:
        """Look at all that may need the key; `letters` are the jobs' and runs' ids of those that are not settled.

        Raises TemporalUnreachable, NotAuthorised, UnknownNamespace.
        """
        now = datetime.now(UTC)
        async with explained(self._client):
            schedules = await self._schedules()
            await self._runs(Need.pauses, self._listed(f"ExecutionStatus = 'Running' AND WorkflowType = '{PAUSE}'"))
            await self._runs(Need.running, self._listed(f"ExecutionStatus = 'Running' AND WorkflowType != '{PAUSE}'"))
            await self._runs(Need.letters, letters)
            ended = self._listed(f"ExecutionStatus != 'Running' AND CloseTime > '{(now - LATELY).isoformat()}'")
            await self._runs(Need.lately, ended, since=now - LATELY)
            if not schedules and not self.jobs:
                # Those that ended before the last hour are not looked at, and show that it is the right one.
                self.empty = (await self._client.count_workflows(rpc_timeout=RPC_TIMEOUT)).count == 0

    def told(self) -> str:
        """What needs it, with examples; nothing where nothing does."""
        return "; ".join(
            f"{self.counts[need]} {need} ({', '.join(self.examples[need])}"
            f"{', …' if self.counts[need] > len(self.examples[need]) else ''})"
            for need in Need
            if self.counts[need]
        )

    async def _listed(self, query: str) -> AsyncIterator[tuple[str, str]]:
        async for run in self._client.list_workflows(query, rpc_timeout=RPC_TIMEOUT):
            yield run.id, run.run_id

    async def _runs(self, need: Need, runs: AsyncIterable[tuple[str, str]], *, since: datetime | None = None) -> None:
        looked = 0
        batch: list[tuple[str, str]] = []

        async def look_at_them() -> None:
            found = await asyncio.gather(*(self._in_history(*run, since=since) for run in batch))
            for (workflow_id, _), needs in zip(batch, found, strict=True):
                if needs:
                    self._add(need, workflow_id)
            batch.clear()

        async for run in runs:
            looked += 1
            if looked > self._most:
                # Whoever still encrypts under it has done so for one of the newest, too: of those there are enough.
                if need is not Need.lately:
                    self.complete = False
                break
            batch.append(run)
            if len(batch) == _AT_ONCE:
                await look_at_them()
        await look_at_them()

    async def _in_history(self, workflow_id: str, run_id: str, *, since: datetime | None) -> bool:
        request = GetWorkflowExecutionHistoryRequest(
            namespace=self._client.namespace,
            execution=WorkflowExecution(workflow_id=workflow_id, run_id=run_id),
        )
        while True:
            try:
                page = await self._client.workflow_service.get_workflow_execution_history(
                    request, retry=True, timeout=RPC_TIMEOUT
                )
            except RPCError as exc:
                if is_absent(exc):
                    return False  # its retention has ended
                raise
            self.jobs.add(workflow_id)
            for event in page.history.events:
                late = since is None or event.event_time.ToDatetime(tzinfo=UTC) >= since
                if late and self._mark in event.SerializeToString():
                    return True
            if not page.next_page_token:
                return False
            request.next_page_token = page.next_page_token

    async def _schedules(self) -> int:
        """Look at them. How many there are."""
        looked = 0
        async for each in await self._client.list_schedules(rpc_timeout=RPC_TIMEOUT):
            request = DescribeScheduleRequest(namespace=self._client.namespace, schedule_id=each.id)
            try:
                told = await self._client.workflow_service.describe_schedule(request, retry=True, timeout=RPC_TIMEOUT)
            except RPCError as exc:
                if is_absent(exc):
                    continue
                raise
            looked += 1
            if self._mark in told.SerializeToString():
                self._add(Need.schedules, each.id)
        return looked

    def _add(self, need: Need, example: str) -> None:
        self.counts[need] += 1
        if len(self.examples[need]) < _EXAMPLES:
            self.examples[need].append(example)
