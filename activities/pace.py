"""Begins no more attempts per second than the operator allows, if the other side has a quota.

By process and queue, and for local tries too, which the server does not see: its own rate limits, of task queues, act
on regular activities only.

The wait for a turn is part of the attempt, whose limit the server counts from when the worker took it. So it stands
inside of the retries: their guard of the limit holds for both together, their verdict knows what is left, and their
heartbeats go on during the wait.
"""

from __future__ import annotations

import asyncio
from collections.abc import Container
from datetime import timedelta
from typing import Any

from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from domain.errors import TransientError

_MAX_WAIT = 0.5
"""Share of an attempt's limit that it may wait: what is left then is for its work."""


class PaceInterceptor(Interceptor):
    """Spaces the attempts of a worker's steps evenly."""

    def __init__(self, per_second: float, steps: Container[str]) -> None:
        """`steps`: activity types that count; others begin at once."""
        self._between = 1 / per_second
        self._steps = steps
        self._next = float("-inf")

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002  # the SDK's name
        """Wrap the activity (see `temporalio.worker.Interceptor`)."""
        pace = self

        class Inbound(ActivityInboundInterceptor):
            async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002  # the SDK's name
                await pace.turn(activity.info())
                return await super().execute_activity(input)

        return Inbound(next)

    async def turn(self, attempt: activity.Info) -> None:
        """Wait for the attempt's turn. Raises TransientError, at once, if it would come too late for its limit."""
        if attempt.activity_type not in self._steps:
            return
        now = asyncio.get_running_loop().time()
        at = max(now, self._next)
        wait, limit = timedelta(seconds=at - now), attempt.start_to_close_timeout
        if limit is not None and wait > limit * _MAX_WAIT:
            raise TransientError(
                f"The rate of its queue (WORKER_QUEUE_RATES) lets this attempt begin in {wait.total_seconds():.1f} s, "
                f"which is too late for its time limit: give the queue fewer slots (WORKER_QUEUE_SLOTS).",
                retry_after=wait,
            )
        self._next = at + self._between
        await asyncio.sleep(wait.total_seconds())
