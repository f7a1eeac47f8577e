"""Begins no more attempts a second than the operator allows, where the other side has a quota.

By process and queue, and for local tries too, which the server does not see: its own rate limits, of task queues, act
on regular activities alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Container
from typing import Any

from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor


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
        if activity.info().activity_type in self._steps:
            await self._pace.turn()
        return await super().execute_activity(input)


class _Pace:
    """Turns, one after the other, none sooner than the pace allows."""

    def __init__(self, per_second: float) -> None:
        self._between = 1 / per_second
        self._next = float("-inf")

    async def turn(self) -> None:
        now = asyncio.get_running_loop().time()
        at = max(now, self._next)
        self._next = at + self._between
        await asyncio.sleep(at - now)
