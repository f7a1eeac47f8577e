"""How much work waits: in the outbox, and in the task queues of a worker.

Each process reports the same numbers, the database's and the server's: take the maximum over processes, not the sum.
Values that cannot be had vanish from the metrics.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import NoReturn

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError

from adapters.telemetry.metrics import Metrics
from domain.dead_letters import DeadLetterRepository
from domain.errors import JobError
from domain.outbox import Outbox

_log = logging.getLogger(__name__)

_EVERY = 10.0
"""Seconds."""
_TYPES = {
    "workflow": TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    "activity": TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
}
_CALL_LIMIT = timedelta(seconds=5)


class OutboxDepth:
    """Keeps the gauges `jobs_outbox_depth`, `jobs_outbox_age_seconds` and `jobs_outbox_refused_entries`."""

    def __init__(self, metrics: Metrics, outbox: Outbox) -> None:
        self._outbox = outbox
        self._depth = metrics.gauge("jobs_outbox_depth", "Enqueued jobs that are still to be started")
        self._age = metrics.gauge("jobs_outbox_age_seconds", "How long the oldest of them has waited")
        self._refused = metrics.gauge(
            "jobs_outbox_refused_entries", "Enqueued jobs that cannot be started: see `jobs outbox list`"
        )

    async def keep_up(self) -> NoReturn:
        """Ask the database again and again, until cancelled."""
        while True:
            try:
                backlog = await self._outbox.backlog()
            except JobError as exc:
                for gauge in (self._depth, self._age, self._refused):
                    gauge.remove()
                _log.debug("The outbox's depth is not known", extra={"error": exc.message})
            else:
                self._depth.set(backlog.waiting)
                self._age.set(backlog.oldest.total_seconds())
                self._refused.set(backlog.refused)
            await asyncio.sleep(_EVERY)


class QueueDepth:
    """Keeps the gauges `jobs_queue_depth` and `jobs_queue_age_seconds`, by queue and type of task."""

    def __init__(self, metrics: Metrics, client: Client, queues: Sequence[str]) -> None:
        self._depth = metrics.gauge("jobs_queue_depth", "Tasks that wait for a worker, as estimated by the server")
        self._age = metrics.gauge("jobs_queue_age_seconds", "How long the oldest waiting task has waited")
        self._client = client
        self._queues = queues

    async def keep_up(self) -> NoReturn:
        """Ask the server again and again, until cancelled."""
        while True:
            await self.refresh()
            await asyncio.sleep(_EVERY)

    async def refresh(self) -> None:
        """Ask the server once."""
        for queue in self._queues:
            for name, task_type in _TYPES.items():
                labels = {"queue": queue, "type": name}
                request = DescribeTaskQueueRequest(
                    namespace=self._client.namespace,
                    task_queue=TaskQueue(name=queue),
                    task_queue_type=task_type,
                    report_stats=True,
                )
                try:
                    answer = await self._client.workflow_service.describe_task_queue(request, timeout=_CALL_LIMIT)
                except RPCError as exc:
                    self._depth.remove(labels)
                    self._age.remove(labels)
                    _log.debug("The depth of a queue is not known", extra={"error": exc.status.name})
                else:
                    self._depth.set(answer.stats.approximate_backlog_count, labels)
                    self._age.set(answer.stats.approximate_backlog_age.ToTimedelta().total_seconds(), labels)


class DeadLetterCount:
    """Keeps the gauge `jobs_dead_letters_open`, by kind.

    Each process reports the same numbers, the database's: take the maximum over processes, not the sum.
    """

    def __init__(self, metrics: Metrics, letters: DeadLetterRepository, kinds: Collection[str]) -> None:
        """`kinds` are reported as 0 if none waits, so that the first one shows as an increase."""
        self._letters = letters
        self._kinds = frozenset(kinds)
        self._reported: frozenset[str] = frozenset()
        self._open = metrics.gauge("jobs_dead_letters_open", "Dead jobs that wait for a person: see `jobs dead list`")

    async def keep_up(self, every: timedelta = timedelta(seconds=30)) -> None:
        """Refresh the values until cancelled."""
        while True:
            await self.refresh()
            await asyncio.sleep(every.total_seconds())

    async def refresh(self) -> None:
        """Ask the database. If it is away, the values vanish from the metrics."""
        values: dict[str, int] = {}
        try:
            values = {**dict.fromkeys(self._kinds, 0), **await self._letters.waiting()}
        except JobError as exc:
            logging.getLogger(__name__).debug("Dead letters cannot be counted", extra={"error": exc.message})
        for kind, value in values.items():
            self._open.set(value, {"kind": kind})
        for kind in self._reported - values.keys():
            self._open.remove({"kind": kind})
        self._reported = frozenset(values)
