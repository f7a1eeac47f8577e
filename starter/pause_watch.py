"""What a worker process runs to know what is paused, and to let held jobs go on when it no longer is.

Each process looks for itself, every two seconds. Where Temporal does not answer, what was known last still counts.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import NoReturn

from temporalio.client import Client

from starter import held_jobs, pauses
from starter.errors import StarterError
from workflows.pausing import HeldRun, pauses_of

_log = logging.getLogger(__name__)

_LONGEST_WAIT = 30.0
"""Seconds between two looks while Temporal does not answer."""

_LAG = 10.0
"""Seconds after which visibility shows every run that was held before its pause ended."""


class PauseWatch:
    """Keeps what the workers of this process, on this client's namespace, know of pauses."""

    def __init__(
        self,
        client: Client,
        *,
        every: timedelta = timedelta(seconds=2),
        sweep_every: timedelta = timedelta(minutes=5),
    ) -> None:
        """`every`: how often to look for pauses. `sweep_every`: how often to look for jobs that are held for nothing.

        Such jobs are left where a `resume` was cut short and the process that held them has ended.
        """
        self._client = client
        self._known = pauses_of(client)
        self._every = every.total_seconds()
        self._sweep_every = sweep_every.total_seconds()
        self._failing = False

    async def begin(self, within: timedelta = timedelta(seconds=5)) -> None:
        """Look before the workers take their first task; returns after `within` even where Temporal did not answer."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within.total_seconds()):
                while not await self._seen():  # noqa: ASYNC110  # Temporal tells nobody by itself
                    await asyncio.sleep(1)

    async def _seen(self) -> bool:
        with self._tolerant():
            await self._look()
            return True
        return False

    async def keep_up(self) -> NoReturn:
        """Look again and again, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep_sweeping(), name="sweep of held jobs")
            wait = 0.0
            while True:
                await asyncio.sleep(_about(wait))
                wait = min(2 * max(wait, self._every), _LONGEST_WAIT)  # unless this look succeeds
                with self._tolerant():
                    freed = await self._look()
                    wait = self._every
                    if freed is not None:
                        tasks.create_task(self._let_go(freed), name="release of held jobs")

    async def _look(self) -> list[HeldRun] | None:
        """Returns what this process held for a pause that has ended; None where none has."""
        found = {pause.target: pause for pause in await pauses.in_force(self._client)}
        before = self._known.reasons
        ended = []
        for target in before.keys() - found.keys():
            # Visibility may lag; the pause itself knows.
            pause = await pauses.find(self._client, target)
            if pause:
                found[target] = pause
            else:
                ended.append(target)
        freed = self._known.replace({target: pause.reason for target, pause in found.items()})
        for target in found.keys() - before.keys():
            pause = found[target]
            about = {"action": "pause", "paused": str(target), "reason": pause.reason, "by": pause.by}
            _log.warning("Paused: jobs that have not begun wait", extra=about)
        for target in ended:
            _log.info("No longer paused: jobs go on", extra={"action": "resume", "paused": str(target)})
        return freed if ended else None

    async def _let_go(self, freed: list[HeldRun]) -> None:
        """Let go what this process held; a little later what others did, who may have ended."""
        with self._tolerant():
            await held_jobs.let_go(self._client, freed)
        await asyncio.sleep(_about(_LAG))
        with self._tolerant():
            await held_jobs.release(self._client)

    async def _keep_sweeping(self) -> None:
        while True:
            with self._tolerant():
                await held_jobs.release(self._client)
            await asyncio.sleep(_about(self._sweep_every))

    @contextmanager
    def _tolerant(self) -> Iterator[None]:
        """Tell of an error, the first time, and go on: what was known last counts."""
        try:
            yield
        except StarterError as exc:
            if not self._failing:
                _log.warning("What is paused cannot be seen. %s", exc, extra={"error": type(exc).__name__})
            self._failing = True
        except Exception:  # noqa: BLE001  # a payload codec that fails, say: the worker's jobs must not end with it
            _log.exception("What is paused cannot be seen")
            self._failing = True
        else:
            self._failing = False


def _about(seconds: float) -> float:
    """Drawn anew each time, so that many processes do not all ask at the same moment."""
    return seconds * random.uniform(0.75, 1.25)  # noqa: S311  # nobody gains by guessing it
