"""How many jobs wait for a person."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from datetime import timedelta

from adapters.telemetry.metrics import Metrics
from domain.dead_letters import DeadLetters
from domain.errors import JobError


class DeadLetterCount:
    """Keeps the gauge `jobs_dead_letters_open`, by kind.

    Each process tells the same numbers, the database's: take the maximum over processes, not the sum.
    """

    def __init__(self, metrics: Metrics, letters: DeadLetters, kinds: Collection[str]) -> None:
        """`kinds` are told with 0 where none waits, so that the first one shows as an increase."""
        self._letters = letters
        self._kinds = frozenset(kinds)
        self._told: frozenset[str] = frozenset()
        self._open = metrics.gauge("jobs_dead_letters_open", "Dead jobs that wait for a person: see `jobs dead list`")

    async def keep_up(self, every: timedelta = timedelta(seconds=30)) -> None:
        """Ask the database again and again, until cancelled. Values that cannot be had vanish from the metrics."""
        while True:
            await self.refresh()
            await asyncio.sleep(every.total_seconds())

    async def refresh(self) -> None:
        """Ask the database once."""
        try:
            counts = await self._letters.waiting()
        except JobError as exc:
            for kind in self._told:
                self._open.remove({"kind": kind})
            self._told = frozenset()
            logging.getLogger(__name__).debug("Dead letters cannot be counted", extra={"error": exc.message})
            return
        told = self._kinds | counts.keys()
        for kind in told:
            self._open.set(counts.get(kind, 0), {"kind": kind})
        for kind in self._told - told:
            self._open.remove({"kind": kind})
        self._told = told
