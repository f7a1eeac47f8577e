"""Ends requests that take too long, so that nobody holds a connection for ever."""

from __future__ import annotations

import asyncio
import logging

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from starter.http.parts import parts_of
from starter.http.problems import Problem, ProblemType, unavailable

_log = logging.getLogger(__name__)


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
                await self._app(scope, received, sent)
        except TimeoutError:
            if started or not timer.expired():
                raise
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
