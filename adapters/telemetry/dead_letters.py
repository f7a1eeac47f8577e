"""The gauge of dead letters that wait for an operator."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from datetime import timedelta

from adapters.telemetry.metrics import Metrics
from domain.dead_letters import DeadLetterRepository
from domain.errors import JobError


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
