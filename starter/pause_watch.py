"""What a worker process runs to know what is paused, and to release held jobs when they no longer are.

Each process looks for itself, every two seconds. If Temporal does not answer, the last known state still counts.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from contextlib import suppress
from datetime import timedelta
from typing import NoReturn

from temporalio.client import Client

from starter import pauses
from starter.errors import StarterError
from workflows.pausing import pauses_of

_log = logging.getLogger(__name__)

_MAX_WAIT_S = 30.0
"""Seconds between two looks while Temporal does not answer."""

_LAG_S = 15.0
"""Seconds after a pause by which visibility shows every job that it held."""


class PauseWatch:
    """Keeps up to date what the workers of this process, in this client's namespace, know of pauses."""

    def __init__(
        self,
        client: Client,
        *,
        every: timedelta = timedelta(seconds=2),
        sweep_every: timedelta = timedelta(minutes=5),
    ) -> None:
        """`every`: how often to look for pauses. `sweep_every`: how often to look for jobs that no pause holds.

        A `resume` that was cut short leaves such jobs, and so does a worker that held one after the `resume`.
        """
        self._client = client
        self._known = pauses_of(client)
        self._every = every.total_seconds()
        self._sweep_every = sweep_every.total_seconds()
        self._sweep_at = self._sweep_until = float("-inf")
        self._failing = False

    async def begin(self, within: timedelta = timedelta(seconds=5)) -> None:
        """Look before the workers take their first task; returns after `within` even if Temporal did not answer."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within.total_seconds()):
                while not await self._look(sweep=False):  # noqa: ASYNC110  # Temporal sends no notice
                    await asyncio.sleep(1)

    async def keep_up(self) -> NoReturn:
        """Look again and again, until cancelled."""
        wait = self._every
        while True:
            wait = self._every if await self._look() else min(2 * wait, _MAX_WAIT_S)
            await asyncio.sleep(wait * random.uniform(0.75, 1.25))  # noqa: S311  # spreads the calls of many processes

    async def _look(self, *, sweep: bool = True) -> bool:
        """Returns false if Temporal did not answer."""
        try:
            await self._update()
            now = time.monotonic()
            if sweep and (now >= self._sweep_at or now < self._sweep_until):
                await pauses.release(self._client)
                self._sweep_at = now + self._sweep_every
        except StarterError as exc:
            if not self._failing:
                _log.warning("What is paused cannot be seen. %s", exc, extra={"error": type(exc).__name__})
            self._failing = True
        except Exception:  # noqa: BLE001  # a payload codec that fails, say: the worker's jobs must not end with it
            _log.exception("What is paused cannot be seen")
            self._failing = True
        else:
            self._failing = False
        return not self._failing

    async def _update(self) -> None:
        found = {pause.target: pause for pause in await pauses.in_force(self._client)}
        before = self._known.reasons
        self._known.replace({target: pause.reason for target, pause in found.items()})
        for target in found.keys() - before.keys():
            pause = found[target]
            about = {"action": "pause", "paused": str(target), "reason": pause.reason, "by": pause.by}
            _log.warning("Paused: jobs that have not begun wait", extra=about)
        for target in before.keys() - found.keys():
            _log.info("No longer paused: jobs go on", extra={"action": "resume", "paused": str(target)})
            self._sweep_until = time.monotonic() + _LAG_S
