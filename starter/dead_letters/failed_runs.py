"""Finds dead runs in Temporal: lists come from its visibility, which may lag; examining asks for the run itself."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client, WorkflowExecution, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from domain.dead_letter_sweep import ListedRun, RunState
from domain.dead_letters import FailedRun, FailureCause
from domain.errors import ServiceUnavailable
from domain.requests import JobRequest
from starter.connection import RPC_TIMEOUT
from starter.dead_letters.failure_record import CAUSES, failure_record
from starter.queries import quoted

_PAGE = 500
_POLLED_WITHIN = timedelta(minutes=3)
"""A worker polls at least every minute. One that has stopped stays listed for five."""


class TemporalFailedRuns:
    """Implements `domain.dead_letter_sweep.FailedRuns`."""

    def __init__(
        self, connected: Callable[[], Client], requests: Mapping[str, type[JobRequest]], *, no_jobs: Collection[str]
    ) -> None:
        """`connected` returns the client; it is called when a run is looked for.

        `requests` by workflow type; `no_jobs`: types of workflows that are left out.
        """
        self._connected = connected
        self._requests = requests
        self._jobs = "".join(f" AND WorkflowType != {quoted(name)}" for name in sorted(no_jobs))

    async def ended(self, since: datetime | None) -> AsyncIterator[Sequence[ListedRun]]:
        """Runs that failed, timed out or were terminated since then."""
        after = f" AND CloseTime > {quoted(since.isoformat())}" if since else ""
        async for page in self._pages(f"ExecutionStatus IN ('Failed', 'TimedOut', 'Terminated'){after}{self._jobs}"):
            yield [_listed(run) for run in page]

    async def stuck(self) -> AsyncIterator[Sequence[ListedRun]]:
        """Running ones whose workflow tasks fail."""
        query = f"ExecutionStatus = 'Running' AND TemporalReportedProblems IS NOT NULL{self._jobs}"
        async for page in self._pages(query):
            yield [_listed(run, FailureCause.stuck) for run in page]

    async def untaken(self, before: datetime) -> AsyncIterator[Sequence[ListedRun]]:
        """Running ones that were due before then, whose first task no worker took, on a queue that no worker polls."""
        # The first completed task sets `BuildIds`, even if the workers have no version of their own.
        query = f"ExecutionStatus = 'Running' AND BuildIds IS NULL AND ExecutionTime < {quoted(before.isoformat())}"
        polled: dict[str, bool] = {}
        async for page in self._pages(query + self._jobs):
            for queue in {run.task_queue for run in page} - polled.keys():
                polled[queue] = await self._is_polled(queue)
            yield [_listed(run, FailureCause.no_worker) for run in page if not polled[run.task_queue]]

    async def latest(self, workflow_ids: Collection[str]) -> Mapping[str, ListedRun]:
        """The last run of each of up to a hundred jobs."""
        found: dict[str, WorkflowExecution] = {}
        names = ", ".join(quoted(name) for name in sorted(workflow_ids))
        async for page in self._pages(f"WorkflowId IN ({names})"):
            for run in page:
                known = found.get(run.id)
                if known is None or _ended_at(run) > _ended_at(known):
                    found[run.id] = run
        return {name: _listed(run) for name, run in found.items()}

    async def examine(self, run: ListedRun) -> FailedRun | None:
        """All facts of a dead run; None if it isn't dead, is not the last of its job, or was reset."""
        client = self._connected()
        with _transient():
            try:
                # Without the run's id: the last run of the job.
                described = await client.get_workflow_handle(run.workflow_id).describe(rpc_timeout=RPC_TIMEOUT)
            except RPCError as exc:
                if exc.status is RPCStatusCode.NOT_FOUND:
                    return None
                raise
            if described.run_id != run.run_id or described.raw_description.workflow_extended_info.reset_run_id:
                return None
            return await failure_record(client, described, self._requests)

    async def _is_polled(self, queue: str) -> bool:
        client = self._connected()
        request = DescribeTaskQueueRequest(
            namespace=client.namespace,
            task_queue=TaskQueue(name=queue),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
        )
        with _transient():
            answer = await client.workflow_service.describe_task_queue(request, retry=True, timeout=RPC_TIMEOUT)
        lately = datetime.now(UTC) - _POLLED_WITHIN
        return any(poller.last_access_time.ToDatetime(UTC) > lately for poller in answer.pollers)

    async def _pages(self, query: str) -> AsyncIterator[Sequence[WorkflowExecution]]:
        runs = self._connected().list_workflows(query, page_size=_PAGE, rpc_timeout=RPC_TIMEOUT)
        while True:
            with _transient():
                await runs.fetch_next_page()
            yield runs.current_page or ()
            if not runs.next_page_token:
                return


def _listed(run: WorkflowExecution, cause: FailureCause | None = None) -> ListedRun:
    if run.status is WorkflowExecutionStatus.RUNNING:
        return ListedRun(run.id, run.run_id, RunState.running, cause)
    cause = CAUSES.get(run.status) if run.status else None
    return ListedRun(run.id, run.run_id, RunState.dead if cause else RunState.well, cause)


def _ended_at(run: WorkflowExecution) -> datetime:
    """The later of two runs of a job ended later: the first had ended when it began."""
    return run.close_time or datetime.max.replace(tzinfo=UTC)


@contextmanager
def _transient() -> Iterator[None]:
    """Every job needs this server, so whatever it answers is transient."""
    try:
        yield
    except RPCError as exc:
        raise ServiceUnavailable(f"Temporal does not answer as it should ({exc.status.name}).") from None
