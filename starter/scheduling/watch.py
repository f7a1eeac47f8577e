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
from starter.scheduling.looking import ScheduleStatus, look
from starter.scheduling.problems import ProblemName

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


class ScheduleWatch:
    """Keeps the gauges `jobs_schedule_…`, by schedule.

    Each process tells the same numbers, Temporal's: take the maximum over processes, not the sum.
    """

    def __init__(self, metrics: Metrics, client: Client, table: ScheduleTable, owner: str) -> None:
        self._there, self._table, self._owner = ActualSchedules(client), table, owner
        self._problems = metrics.gauge(
            "jobs_schedule_problems", "1 where a schedule has this problem: see `jobs schedules list`"
        )
        self._overdue = metrics.gauge(
            "jobs_schedule_overdue_seconds", "Since when a schedule has not run though it was due; 0 where it has"
        )
        self._age = metrics.gauge(
            "jobs_schedule_last_run_age_seconds", "Since its last run began, or since the schedule was made"
        )
        self._skipped = metrics.gauge("jobs_schedule_skipped_runs", "Runs left out because one was still at work")
        self._missed = metrics.gauge("jobs_schedule_missed_runs", "Runs left out because Temporal was away too long")
        self._shown: set[str] = set()

    async def keep_up(self, every: timedelta = timedelta(minutes=1)) -> NoReturn:
        """Ask Temporal again and again, until cancelled. Values that cannot be had vanish from the metrics."""
        while True:
            await self.refresh()
            await asyncio.sleep(every.total_seconds())

    async def refresh(self) -> None:
        """Ask Temporal once."""
        try:
            found = await look(self._table, self._there, self._owner)
        except StarterError as exc:
            _log.debug("How the schedules fare is not known", extra={"error": str(exc)})
            found = []
        for gone in self._shown - {each.id for each in found}:
            self._forget(gone)
        self._shown = {each.id for each in found}
        now = datetime.now(UTC)
        for each in found:
            self._show(each, now)

    def _show(self, status: ScheduleStatus, now: datetime) -> None:
        labels = {"schedule": status.id}
        has = {problem.name for problem in status.problems}
        for name in ProblemName:
            self._problems.set(name in has, {**labels, "problem": name})
        since = status.left_out_since
        self._overdue.set((now - since).total_seconds() if since else 0, labels)
        began = status.last_run.started_at if status.last_run else status.made_at
        if began is not None:
            self._age.set((now - began).total_seconds(), labels)
        else:
            self._age.remove(labels)
        self._skipped.set(status.skipped, labels)
        self._missed.set(status.missed, labels)

    def _forget(self, schedule_id: str) -> None:
        labels = {"schedule": schedule_id}
        for name in ProblemName:
            self._problems.remove({**labels, "problem": name})
        for gauge in (self._overdue, self._age, self._skipped, self._missed):
            gauge.remove(labels)
