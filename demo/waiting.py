"""Stations that take their time: a step that fails at first, and waits before it is tried again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from demo.guide import Guide
from demo.meanwhile import meanwhile
from domain.policies import Policy
from starter.http.job_views import JobView

_WITHIN = 180.0
_LOOK_EVERY = 0.5


@dataclass(frozen=True)
class Refusal:
    """An attempt that failed, as the other side saw it."""

    at: datetime
    answer: str


Refusals = Callable[[], Awaitable[Sequence[Refusal]]]
"""Asks the other side, oldest first."""


async def follow(guide: Guide, about: str, job: str, refusals: Refusals, policy: Policy) -> JobView:
    """Show attempts and waits until the job at this path has ended; returns how. `about` is what people call it."""
    try:
        async with meanwhile(guide.shop.ended(job, _WITHIN)) as (ending,):
            while not ending.done():
                text = await _progress(guide, job, await refusals(), policy)
                guide.display.move(job, f"{about}: {text}")
                await asyncio.wait({ending}, timeout=_LOOK_EVERY)
            return await ending
    finally:
        guide.display.rest(job)


def expect_waits(guide: Guide, refusals: Sequence[Refusal], done_at: Sequence[datetime], policy: Policy) -> None:
    """Tell how long it waited between the attempts. `done_at`: when the other side took it."""
    attempts = [*(refusal.at for refusal in refusals), *done_at]
    waits = [later - earlier for earlier, later in pairwise(attempts)]
    # Only the shortest is a promise: Temporal's timers come up to a second late, a busy machine later still.
    long_enough = len(waits) == len(refusals) and all(
        waited >= shortest for waited, shortest in zip(waits, policy.waits, strict=False)
    )
    guide.expect(f"Waits between the attempts: {', '.join(map(_seconds, waits)) or 'none'}", met=long_enough)


def spans(policy: Policy, count: int) -> str:
    """The first waits: `a wait of 5 to 10 s, then one of 10 to 20 s`."""
    first, *others = map(_span, policy.waits[:count])
    return ", then ".join([f"a wait of {first}", *(f"one of {other}" for other in others)])


async def _progress(guide: Guide, job: str, refusals: Sequence[Refusal], policy: Policy) -> str:
    if not refusals:
        return "first attempt"
    tries, last = ", ".join(refusal.answer for refusal in refusals), refusals[-1].at
    next_at, now = (await guide.shop.job(job)).next_attempt_at, datetime.now(UTC)
    attempt = f"attempt {len(refusals) + 1} of {policy.max_attempts}"
    if next_at is not None and next_at > now:
        return f"{tries}; {attempt} in {_seconds(next_at - now, 0)}"
    wait = policy.waits[len(refusals) - 1] if len(refusals) <= policy.retries else timedelta()
    return f"{tries}; {attempt} after {_span(wait)}, {_seconds(now - last, 0)} so far"


def _span(wait: timedelta) -> str:
    return f"{wait.total_seconds():.0f} to {2 * wait.total_seconds():.0f} s"


def _seconds(span: timedelta, digits: int = 1) -> str:
    return f"{span.total_seconds():.{digits}f} s"
