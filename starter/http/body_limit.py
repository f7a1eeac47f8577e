"""Refuses bodies that are too large, without reading on."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from starter.http.parts import parts_of
from starter.http.problems import Problem, ProblemType

_DIGITS = 18
"""Of a length that is beyond all limits."""


class BodyLimit:
    """Middleware. Starlette has one too, whose limit is fixed when the app is made, and whose answer is plain text."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap the app."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through, and count what is read of its body."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = parts_of(scope).body_limit
        told = Headers(scope=scope).get("content-length", "0")
        if told.isdecimal() and (len(told) > _DIGITS or int(told) > limit):
            await _too_large(limit).response()(scope, receive, send)
            return
        count = 0

        async def counted() -> Message:
            nonlocal count
            message = await receive()
            if message["type"] == "http.request":
                count += len(message.get("body", b""))
                if count > limit:
                    raise _too_large(limit)
            return message

        await self._app(scope, counted, send)


def _too_large(limit: int) -> Problem:
    return Problem(
        ProblemType.body_too_large,
        f"The body is larger than {limit} bytes, which is the most that is taken.",
        # What is still to come of it is not read.
        headers={"Connection": "close"},
    )
