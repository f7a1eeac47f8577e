"""At which pace the relay works: how long it waits after a failure, and how much it starts at most."""

from __future__ import annotations

import asyncio
import random
import time
from datetime import timedelta


class Backoff:
    """Waits that double, each drawn from its upper half, so that many who failed together don't come back together."""

    def __init__(self, first: timedelta, longest: timedelta) -> None:
        self._first = first.total_seconds()
        self._longest = longest.total_seconds()
        self._failures = 0

    def failed(self) -> timedelta:
        """Count a failure; returns how long to wait now."""
        limit = min(self._first * 2**self._failures, self._longest)
        self._failures = min(self._failures + 1, 64)
        return timedelta(seconds=random.uniform(limit / 2, limit))  # noqa: S311  # no secret

    def succeeded(self) -> None:
        """Begin anew with the shortest wait."""
        self._failures = 0


class Rate:
    """Lets so many pass a second, after a first burst."""

    def __init__(self, a_second: int, burst: int) -> None:
        self._gap = 1 / a_second
        self._burst = burst * self._gap
        self._next = 0.0

    async def pass_one(self) -> None:
        """Return when the next one may pass. Those who wait pass in the order in which they came."""
        now = time.monotonic()
        self._next = max(self._next, now - self._burst) + self._gap
        if (wait := self._next - now) > 0:
            await asyncio.sleep(wait)


class SlowStart:
    """How much to take at a time: all there is room for; after an outage one, then twice as much each time."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.size = most

    def failed(self) -> None:
        """Begin anew with one."""
        self.size = 1

    def succeeded(self) -> None:
        """Take twice as much from now on."""
        self.size = min(self.size * 2, self._most)

    @property
    def full(self) -> bool:
        """True where nothing holds it back any more."""
        return self.size == self._most
