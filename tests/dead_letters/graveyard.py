"""Starts jobs that die, waits until Temporal lists them as dead, sweeps, and looks at their letters."""

from __future__ import annotations

import asyncio
import itertools
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.testing import ActivityEnvironment

from activities.dead_letter_sweep import DeadLetterSweepActivities
from adapters.db.dead_letter_sweep import SqlSweepMark
from adapters.db.dead_letters import SqlDeadLetters
from adapters.temporal.dead_runs import TemporalDeadRuns
from domain.dead_letter_sweep import SeenRun, SweepTimes, Swept
from domain.dead_letters import DeadRun, Letter, LetterFilter
from domain.scheduling import ScheduledRun
from tests.dead_letters.dying import QUEUE, DyingRequest, How, Recording

_order_ids = itertools.count(1)
_SOON = 60


class CountedDeadRuns(TemporalDeadRuns):
    """Counts how often a run is asked itself."""

    looked = 0

    async def look(self, run: SeenRun) -> DeadRun | None:
        self.looked += 1
        return await super().look(run)


@dataclass(frozen=True)
class Graveyard:
    """One namespace, one database."""

    client: Client
    engine: AsyncEngine
    letters: SqlDeadLetters
    runs: CountedDeadRuns
    mark: SqlSweepMark
    recording: Recording

    async def start(self, how: How, *, queue: str = QUEUE, **options: Any) -> WorkflowHandle[Any, Any]:
        request = DyingRequest(order_id=next(_order_ids), how=how)
        return await self.client.start_workflow("Dying", request, id=request.workflow_id, task_queue=queue, **options)

    async def dead(self, how: How, **options: Any) -> WorkflowHandle[Any, Any]:
        """A job that has ended badly, and is listed so."""
        handle = await self.start(how, **options)
        with suppress(WorkflowFailureError):
            await handle.result()
        await self.until("ExecutionStatus != 'Running'", handle)
        return handle

    async def begun(self, *handles: WorkflowHandle[Any, Any]) -> None:
        """Wait until the first task of these jobs is done."""
        for handle in handles:
            async for event in handle.fetch_history_events(wait_new_event=True):
                if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
                    break

    async def until(self, query: str, *handles: WorkflowHandle[Any, Any]) -> None:
        """Wait until the last runs of these jobs are listed by a query: lists come late."""
        wanted = {handle.id for handle in handles}
        async with asyncio.timeout(_SOON):
            while not wanted <= {run.id async for run in self.client.list_workflows(query)}:  # noqa: ASYNC110  # lists tell nobody by themselves
                await asyncio.sleep(0.1)

    async def reset(self, handle: WorkflowHandle[Any, Any]) -> str:
        """Reset to the end of the first task; returns the new run's id."""
        request = ResetWorkflowExecutionRequest(
            namespace=self.client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=handle.id, run_id=handle.result_run_id or ""),
            reason="mended",
            workflow_task_finish_event_id=4,
            request_id=f"reset {handle.result_run_id}",
        )
        return (await self.client.workflow_service.reset_workflow_execution(request)).run_id

    async def sweep(
        self, *, grace: timedelta = timedelta(minutes=5), no_worker_after: timedelta = timedelta(0)
    ) -> Swept:
        times = SweepTimes(no_worker_after=no_worker_after, redrive_grace=grace)
        step = DeadLetterSweepActivities(self.letters, self.runs, self.mark, times)
        told = ScheduledRun(name="sweep", at=datetime.now(UTC), time_zone="UTC", run="sweep/1")
        return await ActivityEnvironment().run(step.sweep, told)

    async def letters_of(self, handle: WorkflowHandle[Any, Any]) -> list[Letter]:
        """The job's letters, the first first."""
        return list(await self.letters.list(LetterFilter(workflow_id=handle.id), limit=9, oldest_first=True))

    async def letter_of(self, handle: WorkflowHandle[Any, Any]) -> Letter:
        """The job's only letter."""
        (letter,) = await self.letters_of(handle)
        return letter

    async def alerts(self) -> dict[str, str]:
        """By run, how it is told together with others."""
        async with self.engine.connect() as connection:
            found = await connection.execute(text("SELECT run_id, about FROM alerts WHERE kind = 'dead-letter'"))
            rows = found.all()
        assert len({row.run_id for row in rows}) == len(rows)
        return {row.run_id: row.about for row in rows}
