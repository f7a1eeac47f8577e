"""Begins no more attempts a second than the operator allows, where the other side has a quota.

By process and queue, and for local tries too, which the server does not see: its own rate limits, of task queues, act
on regular activities alone.

The wait for a turn is part of the attempt, whose limit the server counts from when the worker took it. So it stands
inside of the retries: their guard of the limit holds for both together, and their verdict knows what is left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Container
from datetime import timedelta
from typing import Any

from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from domain.errors import TransientError

_LATEST = 0.5
"""Share of an attempt's limit that it may wait: what is left then is for its work."""

_HEARD_OF = 1 / 3
"""Share of the limit for heartbeats after which Temporal hears of an attempt that waits."""


class PaceInterceptor(Interceptor):
    """Spaces the attempts of a worker's steps evenly."""

    def __init__(self, per_second: float, steps: Container[str]) -> None:
        """`steps`: activity types that count; others begin at once."""
        self._pace = _Pace(per_second)
        self._steps = steps

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002  # the SDK's name
        """Wrap the activity (see `temporalio.worker.Interceptor`)."""
        return _Inbound(next, self._pace, self._steps)


class _Inbound(ActivityInboundInterceptor):
    def __init__(
        self,
        next: ActivityInboundInterceptor,  # noqa: A002  # the SDK's name
        pace: _Pace,
        steps: Container[str],
    ) -> None:
        super().__init__(next)
        self._pace = pace
        self._steps = steps

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002  # the SDK's name
        info = activity.info()
        if info.activity_type in self._steps:
            limit, heartbeat = info.start_to_close_timeout, None if info.is_local else info.heartbeat_timeout
            await self._pace.turn(
                latest=limit * _LATEST if limit else None,
                every=heartbeat * _HEARD_OF if heartbeat else None,
                meanwhile=lambda: activity.heartbeat(*info.heartbeat_details),  # the server keeps the newest alone
            )
        return await super().execute_activity(input)


class _Pace:
    """Turns, one after the other, none sooner than the pace allows."""

    def __init__(self, per_second: float) -> None:
        self._between = 1 / per_second
        self._next = float("-inf")

    async def turn(self, *, latest: timedelta | None, every: timedelta | None, meanwhile: Callable[[], None]) -> None:
        """Wait for it, and call `meanwhile` now and then. Raises TransientError, at once, where it comes too late."""
        clock = asyncio.get_running_loop().time
        now = clock()
        at = max(now, self._next)
        wait = timedelta(seconds=at - now)
        if latest is not None and wait > latest:
            raise TransientError(
                f"The rate of its queue (WORKER_QUEUE_RATES) lets this attempt begin in {wait.total_seconds():.1f} s, "
                f"which is too late for its time limit: give the queue fewer slots (WORKER_QUEUE_SLOTS).",
                retry_after=wait,
            )
        self._next = at + self._between
        while (left := at - clock()) > 0:
            if every is not None:
                meanwhile()
            await asyncio.sleep(left if every is None else min(left, every.total_seconds()))
