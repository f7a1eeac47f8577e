"""What a process needs of the outside world before it can work, and whether it is there now."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from domain.errors import JobError, describe

_CACHED = 2.0
"""Seconds that a finding holds for those who ask whether the process is ready."""

_SAY_AGAIN = 10.0
"""Seconds after which a line about something missing is repeated."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 5.0
"""Seconds between two looks at the start."""


class Unmet(Exception):
    """A need is not met."""


@dataclass(frozen=True)
class Need:
    """Something that must be there."""

    name: str
    probe: Callable[[], Awaitable[str]]
    """Returns a fact worth showing, such as a version. Raises where it isn't there."""
    expected: tuple[type[Exception], ...] = (Unmet, JobError)
    """Exceptions whose messages may be shown: they say what is wrong and what to do, and hold no secret."""
    limit: timedelta = timedelta(seconds=5)
    """A probe that takes longer has failed."""


@dataclass(frozen=True)
class Finding:
    """What a look at a need has shown."""

    name: str
    met: bool
    text: str


async def look(need: Need) -> Finding:
    """Probe once; never raises but for cancellation."""
    try:
        async with asyncio.timeout(need.limit.total_seconds()):
            return Finding(need.name, True, await need.probe())
    except TimeoutError:
        return Finding(need.name, False, f"{need.name}: no answer within {need.limit.total_seconds():g} s.")
    except need.expected as exc:
        return Finding(need.name, False, str(exc))
    except Exception as exc:  # noqa: BLE001  # whatever a probe raises is a finding, and its text may hold secrets
        return Finding(need.name, False, f"{need.name}: {describe(exc)}")


class Readiness:
    """Whether the process takes jobs now, and why not."""

    def __init__(self) -> None:
        self.state = "starting"
        """`starting`, `running` or `draining`."""
        self._needs: Sequence[Need] = ()
        self._looking = asyncio.Lock()
        self._seen: list[Finding] = []
        self._seen_at = float("-inf")

    async def wait_for(self, needs: Sequence[Need], within: timedelta, say: Callable[[str], None]) -> list[Finding]:
        """Look again and again until all needs are met, or `within` is over; returns what is unmet then.

        `say` gets a line for each need that is unmet, when that is first seen, changes, and now and then again.
        """
        until = time.monotonic() + within.total_seconds()
        said: dict[str, tuple[str, float]] = {}
        pause = _FIRST_PAUSE
        while True:
            self._seen = await asyncio.gather(*(look(need) for need in needs))
            unmet = [finding for finding in self._seen if not finding.met]
            now = time.monotonic()
            if not unmet or now >= until:
                return unmet
            for finding in unmet:
                text, at = said.get(finding.name, ("", 0.0))
                if finding.text != text or now - at >= _SAY_AGAIN:
                    said[finding.name] = (finding.text, now)
                    say(f"{finding.text.rstrip('.')}; still waiting, {until - now:.0f} s left")
            await asyncio.sleep(min(pause, until - now))
            pause = min(pause * 2, _LONGEST_PAUSE)

    def run(self, needs: Sequence[Need]) -> None:
        """The process works from now on, as long as these needs are met."""
        self.state, self._needs = "running", needs

    async def report(self) -> tuple[bool, dict[str, Any]]:
        """Ready or not, and the details. Looks at most once every two seconds, however many ask."""
        if self._needs:
            async with self._looking:
                if time.monotonic() - self._seen_at > _CACHED:
                    self._seen = await asyncio.gather(*(look(need) for need in self._needs))
                    self._seen_at = time.monotonic()
        ready = self.state == "running" and all(finding.met for finding in self._seen)
        return ready, {
            "state": self.state,
            "needs": {finding.name: {"met": finding.met, "text": finding.text} for finding in self._seen},
        }
