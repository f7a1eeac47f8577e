"""A namespace and a database with jobs that fail, and what sweeps and redrives make of them."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.api.enums.v1 import EventType
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.testing import ActivityEnvironment

from activities.dead_letter_sweep import DeadLetterSweepActivities
from adapters.db.dead_letters import SqlDeadLetterRepository, SqlSweepCheckpoint
from domain.dead_letter_sweep import ListedRun, RunState, SweepTimes, Swept
from domain.dead_letters import Audit, DeadLetter, DeadLetterFilter, DeadLetterRepository, FailedRun
from domain.errors import RecipientRejected
from domain.mail import Mail
from domain.order_confirmation import OrderConfirmationRequest
from domain.scheduling import ScheduledRun
from starter import JobDidNotComplete, Jobs
from starter.dead_letters.failed_runs import TemporalFailedRuns
from starter.dead_letters.redrive import Redriver
from tests.dead_letters.failing import KINDS, QUEUE, FailingRequest, How
from tests.fakes import FakeMail
from tests.starter.commandline import CommandLine
from workflows.registry import Registry

Handle = WorkflowHandle[Any, Any]

ADA = Audit(by="ada", note="fixed")

_order_ids = itertools.count(1)


class CountedFailedRuns(TemporalFailedRuns):
    """Counts how often a run is examined."""

    examined = 0

    async def examine(self, run: ListedRun) -> FailedRun | None:
        self.examined += 1
        return await super().examine(run)


class RefusingMail(FakeMail):
    """A mail server that refuses every recipient until it is fixed."""

    fixed = False

    async def send(self, mail: Mail) -> str:
        if not self.fixed:
            raise RecipientRejected("550 5.1.1 at RCPT TO")
        return await super().send(mail)

    @property
    def received(self) -> Counter[str]:
        """How often each mail was accepted."""
        return Counter(mail.delivery_key for mail in self.accepted)


class RecordingRepository:
    """Behind the port of failing runs: passes on to the real one, unless the database is away for the job."""

    def __init__(self, letters: DeadLetterRepository) -> None:
        self._letters = letters
        self.away: list[FailedRun] = []

    async def record(self, run: FailedRun) -> DeadLetter | None:
        if (run.request or {}).get("how") == "away":
            self.away.append(run)
            await asyncio.Event().wait()
        return await self._letters.record(run)


@dataclass(frozen=True)
class World:
    """One namespace, one database."""

    client: Client
    engine: AsyncEngine
    letters: SqlDeadLetterRepository
    runs: CountedFailedRuns
    line: CommandLine
    recording: RecordingRepository
    mail: RefusingMail = field(default_factory=RefusingMail)

    async def start(self, how: How, *, queue: str = QUEUE, **options: Any) -> Handle:
        request = FailingRequest(order_id=next(_order_ids), how=how)
        return await self.client.start_workflow("Failing", request, id=request.workflow_id, task_queue=queue, **options)

    async def again(self, job: Handle, how: How, **options: Any) -> Handle:
        """Start a job again under its id."""
        request = FailingRequest(order_id=order_of(job), how=how)
        return await self.client.start_workflow("Failing", request, id=job.id, task_queue=QUEUE, **options)

    async def dead(self, how: How, **options: Any) -> Handle:
        """A job that has ended badly, and is listed so."""
        handle = await self.start(how, **options)
        with suppress(WorkflowFailureError):
            await handle.result()
        await self.until("ExecutionStatus != 'Running'", handle)
        return handle

    async def reached(self, event_type: EventType.ValueType, *handles: Handle) -> None:
        """Wait until these jobs' histories have such an event."""
        for handle in handles:
            async for event in handle.fetch_history_events(wait_new_event=True):
                if event.event_type == event_type:
                    break

    async def begun(self, *handles: Handle) -> None:
        """Wait until the first task of these jobs is done."""
        await self.reached(EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED, *handles)

    async def until(self, query: str, *handles: Handle) -> None:
        """Wait until a query lists these jobs: lists lag."""
        wanted = {handle.id for handle in handles}
        async with asyncio.timeout(60):
            while not wanted <= {run.id async for run in self.client.list_workflows(query)}:  # noqa: ASYNC110  # lists notify of nothing
                await asyncio.sleep(0.1)

    async def reset(self, handle: Handle) -> str:
        """Reset to the end of the first task, as by hand; returns the new run's id."""
        request = ResetWorkflowExecutionRequest(
            namespace=self.client.namespace,
            reason="fixed",
            workflow_task_finish_event_id=4,
            request_id=f"reset {handle.result_run_id}",
        )
        request.workflow_execution.workflow_id = handle.id
        request.workflow_execution.run_id = handle.result_run_id or ""
        return (await self.client.workflow_service.reset_workflow_execution(request)).run_id

    async def sweep(
        self, *, grace: timedelta = timedelta(minutes=5), no_worker_after: timedelta = timedelta(0)
    ) -> Swept:
        times = SweepTimes(no_worker_after=no_worker_after, redrive_grace=grace)
        step = DeadLetterSweepActivities(self.letters, self.runs, SqlSweepCheckpoint(self.engine), times)
        run = ScheduledRun(name="sweep", at=datetime.now(UTC), time_zone="UTC", run="sweep/1")
        return await ActivityEnvironment().run(step.sweep, run)

    async def letters_of(self, handle: Handle) -> list[DeadLetter]:
        """The job's dead letters, oldest first."""
        return list(await self.letters.list(DeadLetterFilter(workflow_id=handle.id), limit=9, oldest_first=True))

    async def letter_of(self, handle: Handle) -> DeadLetter:
        """The job's only dead letter."""
        (letter,) = await self.letters_of(handle)
        return letter

    async def recorded(self, workflow_id: str, run_id: str | None) -> DeadLetter:
        """The dead letter of a run that ends badly: by itself, or as the sweep records it."""
        assert run_id is not None
        with suppress(WorkflowFailureError):
            await self.client.get_workflow_handle(workflow_id, run_id=run_id).result()
        which = DeadLetterFilter(run_id=run_id)
        if not await self.letters.count(which):
            failed = await self.runs.examine(ListedRun(workflow_id, run_id, RunState.dead))
            assert failed is not None
            await self.letters.record(failed)
        [letter] = await self.letters.list(which, limit=2)
        return letter

    async def failed(self, how: How, **options: Any) -> DeadLetter:
        """The dead letter of a job whose second step failed."""
        handle = await self.start(how, **options)
        return await self.recorded(handle.id, handle.result_run_id)

    async def now(self, letter: DeadLetter) -> DeadLetter:
        """The dead letter as it is by now."""
        found = await self.letters.find(letter.id)
        assert found is not None
        return found

    def redriver(self, kinds: Registry = KINDS) -> Redriver:
        return Redriver(self.client, self.letters, kinds, ADA)

    async def confirmations(self, order_ids: Iterable[int]) -> list[DeadLetter]:
        """The dead letters of confirmations that the mail server refused, oldest first."""
        self.mail.fixed = False
        requests = [OrderConfirmationRequest(order_id=order_id) for order_id in order_ids]
        handles = await Jobs(self.client).start_many(requests)
        for handle in handles:
            with suppress(JobDidNotComplete):
                await handle.result()
        self.mail.fixed = True
        ids = {handle.id for handle in handles}
        which = DeadLetterFilter(kind=OrderConfirmationRequest.kind)
        while True:
            letters = await self.letters.list(which, limit=100_000, oldest_first=True)
            if len(found := [letter for letter in letters if letter.workflow_id in ids]) == len(ids):
                return found
            await self.sweep(grace=timedelta(0))  # it finds what a run on a busy machine had no time to record

    async def restarted_by_hand(self, letters: Sequence[DeadLetter]) -> None:
        for letter in letters:
            request = OrderConfirmationRequest(order_id=int(letter.workflow_id.rpartition("/")[2]))
            await (await Jobs(self.client).start(request, restart=True)).result()

    async def ended_well(self, letters: Iterable[DeadLetter]) -> None:
        """Wait for the last runs of these jobs."""
        for letter in letters:
            await self.client.get_workflow_handle(letter.workflow_id).result()

    async def runs_of(self, letters: Iterable[DeadLetter], at_least: int) -> Counter[int]:
        """How many jobs have how many runs, once that many are listed."""
        wanted = {letter.workflow_id for letter in letters}
        query = "WorkflowType = 'OrderConfirmation'"
        async with asyncio.timeout(60):
            while True:
                listed = self.client.list_workflows(query, page_size=1000)
                found = Counter([run.id async for run in listed if run.id in wanted])
                if found.total() >= at_least:
                    return Counter(found.values())
                await asyncio.sleep(0.1)


def order_of(job: Handle | DeadLetter) -> int:
    """The order of a job of `FailingRequest`."""
    return int((job.workflow_id if isinstance(job, DeadLetter) else job.id).split("/")[1])
