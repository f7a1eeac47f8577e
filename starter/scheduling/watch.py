"""What a worker process runs to have the schedules' problems among its metrics."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import NoReturn, Protocol

from temporalio.client import Client

from starter.errors import StarterError
from starter.scheduling.actual import ActualSchedules
from starter.scheduling.declared import ScheduleTable
from starter.scheduling.problems import ProblemName
from starter.scheduling.status import ScheduleStatus, look

_log = logging.getLogger(__name__)


class Gauge(Protocol):
    """A value per set of labels."""

    def set(self, value: float, labels: Mapping[str, str] | None = None) -> None:
        """Set the value for these labels."""
        ...

    def remove(self, labels: Mapping[str, str] | None = None) -> None:
        """Forget the value for these labels."""
        ...


class Metrics(Protocol):
    """Makes gauges that are shown."""

    def gauge(self, name: str, description: str) -> Gauge:
        """Make one."""
        ...


_GAUGES = {
    "jobs_schedule_problems": "1 if a schedule has this problem: see `jobs schedules list`",
    "jobs_schedule_overdue_seconds": "Since when a schedule has not run though it was due; 0 if it has",
    "jobs_schedule_last_run_age_seconds": "Since its last run began, or since the schedule was made",
    "jobs_schedule_skipped_runs": "Runs left out because one was still at work",
    "jobs_schedule_missed_runs": "Runs left out because Temporal was away too long",
}


class ScheduleWatch:
    """Keeps the gauges `jobs_schedule_…`, by schedule.

    Each process reports the same numbers, Temporal's: take the maximum over processes, not the sum.
    """

    def __init__(self, metrics: Metrics, client: Client, table: ScheduleTable, owner: str) -> None:
        self._there, self._table, self._owner = ActualSchedules(client), table, owner
        self._gauges = [metrics.gauge(name, description) for name, description in _GAUGES.items()]
        self._shown: set[str] = set()

    async def keep_up(self, every: timedelta = timedelta(minutes=1)) -> NoReturn:
        """Ask Temporal again and again, until cancelled. Unknown values vanish from the metrics."""
        while True:
            await self.refresh()
            await asyncio.sleep(every.total_seconds())

    async def refresh(self) -> None:
        """Ask Temporal once."""
        try:
            found = await look(self._table, self._there, self._owner)
        except StarterError as exc:
            _log.debug("The schedules' state is unknown", extra={"error": str(exc)})
            found = []
        for gone in self._shown - {each.id for each in found}:
            self._forget(gone)
        self._shown = {each.id for each in found}
        now = datetime.now(UTC)
        for each in found:
            self._show(each, now)

    def _show(self, status: ScheduleStatus, now: datetime) -> None:
        labels = {"schedule": status.id}
        problems, overdue, age, skipped, missed = self._gauges
        has = {problem.name for problem in status.problems}
        for name in ProblemName:
            problems.set(name in has, {**labels, "problem": name})
        since = status.left_out_since
        overdue.set((now - since).total_seconds() if since else 0, labels)
        began = status.last_run.started_at if status.last_run else status.made_at
        if began is not None:
            age.set((now - began).total_seconds(), labels)
        else:
            age.remove(labels)
        skipped.set(status.skipped, labels)
        missed.set(status.missed, labels)

    def _forget(self, schedule_id: str) -> None:
        labels = {"schedule": schedule_id}
        problems, *others = self._gauges
        for name in ProblemName:
            problems.remove({**labels, "problem": name})
        for gauge in others:
            gauge.remove(labels)
