"""Ends requests that take too long, so that nobody holds a connection for ever.

A long answer gets the whole time anew for each of its pieces: however long it is, whoever reads it must go on reading.
"""

from __future__ import annotations

import asyncio
import logging

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from starter.http.parts import parts_of
from starter.http.problems import Problem, ProblemType, unavailable

_log = logging.getLogger(__name__)

_TIMER = "durable_jobs.deadline"


def prolong(scope: Scope) -> None:
    """Give a request the whole time anew."""
    timer: asyncio.Timeout = scope[_TIMER]
    timer.reschedule(asyncio.get_running_loop().time() + parts_of(scope).request_timeout.total_seconds())


class Deadline:
    """Middleware."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap the app."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through, and cancel it at its time limit."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        reading = started = False

        async def received() -> Message:
            nonlocal reading
            reading = True
            message = await receive()
            reading = False
            return message

        async def sent(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        limit = parts_of(scope).request_timeout.total_seconds()
        try:
            async with asyncio.timeout(limit) as timer:
                scope[_TIMER] = timer
                await self._app(scope, received, sent)
        except TimeoutError:
            if not timer.expired():
                raise
            if started:
                # The server closes the connection of an answer that has no end, so that nobody takes it for whole.
                _log.warning("An answer was broken off", extra={"action": "break-off", "limit_seconds": limit})
                return
            await _too_late(limit, reading=reading).response()(scope, receive, send)


def _too_late(limit: float, *, reading: bool) -> Problem:
    if reading:
        return Problem(
            ProblemType.request_timeout,
            f"The body did not arrive within {limit:g} s.",
            headers={"Connection": "close"},
        )
    _log.error("A request was given up at its time limit", extra={"action": "give-up", "limit_seconds": limit})
    return unavailable(
        f"The request took longer than {limit:g} s and was given up. It may have taken effect: "
        f"send it again, with the same Idempotency-Key where it had one."
    )
