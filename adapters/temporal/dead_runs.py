"""What Temporal tells of dead runs: lists come from its visibility, which may be behind; a look asks the run itself."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client, WorkflowExecution, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from adapters.temporal.death import CALL_LIMIT, Death
from domain.dead_letter_sweep import RunState, SeenRun
from domain.dead_letters import DeadRun, DeathCause
from domain.errors import ServiceUnavailable
from domain.requests import JobRequest

_PAGE = 500
_POLLED_WITHIN = timedelta(minutes=3)
"""A worker asks anew every minute at least. Those that have stopped stay listed for five."""

_CAUSES = {
    WorkflowExecutionStatus.FAILED: DeathCause.failed,
    WorkflowExecutionStatus.TIMED_OUT: DeathCause.timed_out,
    WorkflowExecutionStatus.TERMINATED: DeathCause.terminated,
}


class TemporalDeadRuns:
    """Implements `domain.dead_letter_sweep.DeadRuns`."""

    def __init__(
        self, connected: Callable[[], Client], requests: Mapping[str, type[JobRequest]], *, no_jobs: Collection[str]
    ) -> None:
        """`connected` gives the client; it is asked for when a run is looked for, and not before.

        `requests` by workflow type; `no_jobs`: types of workflows that are left out.
        """
        self._connected = connected
        self._requests = requests
        self._jobs = "".join(f" AND WorkflowType != {_quoted(name)}" for name in sorted(no_jobs))

    @property
    def _client(self) -> Client:
        return self._connected()

    async def ended(self, since: datetime | None) -> AsyncIterator[Sequence[SeenRun]]:
        """Runs that failed, timed out or were terminated since then."""
        after = f" AND CloseTime > {_quoted(since.isoformat())}" if since else ""
        async for page in self._pages(f"ExecutionStatus IN ('Failed', 'TimedOut', 'Terminated'){after}{self._jobs}"):
            yield [_seen(run) for run in page]

    async def stuck(self) -> AsyncIterator[Sequence[SeenRun]]:
        """Running ones whose workflow tasks fail."""
        query = f"ExecutionStatus = 'Running' AND TemporalReportedProblems IS NOT NULL{self._jobs}"
        async for page in self._pages(query):
            yield [_seen(run, DeathCause.stuck) for run in page]

    async def untaken(self, before: datetime) -> AsyncIterator[Sequence[SeenRun]]:
        """Running ones that were to begin before then, whose first task nobody took, and no worker asks for."""
        # The first task that is done brings `BuildIds`, also of workers that have no version of their own.
        query = f"ExecutionStatus = 'Running' AND BuildIds IS NULL AND ExecutionTime < {_quoted(before.isoformat())}"
        polled: dict[str, bool] = {}
        async for page in self._pages(query + self._jobs):
            for queue in {run.task_queue for run in page} - polled.keys():
                polled[queue] = await self._is_polled(queue)
            yield [_seen(run, DeathCause.no_worker) for run in page if not polled[run.task_queue]]

    async def latest(self, workflow_ids: Collection[str]) -> Mapping[str, SeenRun]:
        """The last run of each of up to a hundred jobs."""
        found: dict[str, WorkflowExecution] = {}
        names = ", ".join(_quoted(name) for name in sorted(workflow_ids))
        async for page in self._pages(f"WorkflowId IN ({names})"):
            for run in page:
                known = found.get(run.id)
                if known is None or _ended(run) > _ended(known):
                    found[run.id] = run
        return {name: _seen(run) for name, run in found.items()}

    async def look(self, run: SeenRun) -> DeadRun | None:
        """All that is known of a dead run; None where it isn't dead, or not the last of its job, or was reset."""
        death = Death(self._client, self._requests)
        with _translated():
            try:
                # Without its run's id: the last run of the job.
                described = await self._client.get_workflow_handle(run.workflow_id).describe(rpc_timeout=CALL_LIMIT)
            except RPCError as exc:
                if exc.status is RPCStatusCode.NOT_FOUND:
                    return None
                raise
            reset = described.raw_description.workflow_extended_info.reset_run_id
            if described.run_id != run.run_id or reset:
                return None
            cause = _CAUSES.get(described.status) if described.status else None
            if described.status is WorkflowExecutionStatus.RUNNING:
                cause = death.of_running(described)
            return await death.told(described, cause) if cause else None

    async def _is_polled(self, queue: str) -> bool:
        request = DescribeTaskQueueRequest(
            namespace=self._client.namespace,
            task_queue=TaskQueue(name=queue),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
        )
        with _translated():
            told = await self._client.workflow_service.describe_task_queue(request, retry=True, timeout=CALL_LIMIT)
        lately = datetime.now(UTC) - _POLLED_WITHIN
        return any(poller.last_access_time.ToDatetime(UTC) > lately for poller in told.pollers)

    async def _pages(self, query: str) -> AsyncIterator[Sequence[WorkflowExecution]]:
        runs = self._client.list_workflows(query, page_size=_PAGE, rpc_timeout=CALL_LIMIT)
        while True:
            with _translated():
                await runs.fetch_next_page()
            yield runs.current_page or ()
            if not runs.next_page_token:
                return


def _seen(run: WorkflowExecution, cause: DeathCause | None = None) -> SeenRun:
    if run.status is WorkflowExecutionStatus.RUNNING:
        return SeenRun(run.id, run.run_id, RunState.running, cause)
    died_of = _CAUSES.get(run.status) if run.status else None
    return SeenRun(run.id, run.run_id, RunState.dead if died_of else RunState.well, died_of)


def _ended(run: WorkflowExecution) -> datetime:
    """Of two runs of a job the later one ended later: the first had ended when it began."""
    return run.close_time or datetime.max.replace(tzinfo=UTC)


def _quoted(value: str) -> str:
    """A string literal of the list filter language."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


@contextmanager
def _translated() -> Iterator[None]:
    """Raise a transient error for whatever Temporal answers: our own server, which each job needs."""
    try:
        yield
    except RPCError as exc:
        raise ServiceUnavailable(f"Temporal does not answer as it should ({exc.status.name}).") from None
