"""How many tasks wait in the task queues of a worker, and for how long."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import timedelta

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError

from adapters.telemetry.metrics import Metrics

_TYPES = {
    "workflow": TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    "activity": TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
}
_CALL_LIMIT = timedelta(seconds=5)


class QueueDepth:
    """Keeps the gauges `jobs_queue_depth` and `jobs_queue_age_seconds`, by queue and type of task.

    Each process that serves a queue tells the same numbers, the server's: take the maximum over processes, not the sum.
    """

    def __init__(self, metrics: Metrics, client: Client, queues: Sequence[str]) -> None:
        self._depth = metrics.gauge("jobs_queue_depth", "Tasks that wait for a worker, as estimated by the server")
        self._age = metrics.gauge("jobs_queue_age_seconds", "How long the oldest waiting task has waited")
        self._client = client
        self._queues = queues

    async def keep_up(self, every: timedelta = timedelta(seconds=10)) -> None:
        """Ask the server again and again, until cancelled. Values that cannot be had vanish from the metrics."""
        while True:
            await self.refresh()
            await asyncio.sleep(every.total_seconds())

    async def refresh(self) -> None:
        """Ask the server once."""
        for queue in self._queues:
            for name, kind in _TYPES.items():
                await self._ask(queue, name, kind)

    async def _ask(self, queue: str, name: str, kind: TaskQueueType.ValueType) -> None:
        labels = {"queue": queue, "type": name}
        request = DescribeTaskQueueRequest(
            namespace=self._client.namespace,
            task_queue=TaskQueue(name=queue),
            task_queue_type=kind,
            report_stats=True,
        )
        try:
            answer = await self._client.workflow_service.describe_task_queue(request, timeout=_CALL_LIMIT)
        except RPCError as exc:
            self._depth.remove(labels)
            self._age.remove(labels)
            logging.getLogger(__name__).debug("The depth of a queue is not known", extra={"error": exc.status.name})
            return
        self._depth.set(answer.stats.approximate_backlog_count, labels)
        self._age.set(answer.stats.approximate_backlog_age.ToTimedelta().total_seconds(), labels)
