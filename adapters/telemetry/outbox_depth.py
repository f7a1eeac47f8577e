"""How many jobs wait in the outbox, for how long, and how many were refused."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta

from adapters.telemetry.metrics import Metrics
from domain.errors import JobError
from domain.outbox import Outbox


class OutboxDepth:
    """Keeps the gauges `jobs_outbox_depth`, `jobs_outbox_age_seconds` and `jobs_outbox_refused_entries`.

    Each process tells the same numbers, the database's: take the maximum over processes, not the sum.
    """

    def __init__(self, metrics: Metrics, outbox: Outbox) -> None:
        self._outbox = outbox
        self._depth = metrics.gauge("jobs_outbox_depth", "Enqueued jobs that are still to be started")
        self._age = metrics.gauge("jobs_outbox_age_seconds", "How long the oldest of them has waited")
        self._refused = metrics.gauge(
            "jobs_outbox_refused_entries", "Enqueued jobs that cannot be started: see `jobs outbox list`"
        )

    async def keep_up(self, every: timedelta = timedelta(seconds=10)) -> None:
        """Ask the database again and again, until cancelled. Values that cannot be had vanish from the metrics."""
        while True:
            await self.refresh()
            await asyncio.sleep(every.total_seconds())

    async def refresh(self) -> None:
        """Ask the database once."""
        try:
            backlog = await self._outbox.backlog()
        except JobError as exc:
            for gauge in (self._depth, self._age, self._refused):
                gauge.remove()
            logging.getLogger(__name__).debug("The outbox's depth is not known", extra={"error": exc.message})
            return
        self._depth.set(backlog.waiting)
        self._age.set(backlog.oldest.total_seconds())
        self._refused.set(backlog.refused)
