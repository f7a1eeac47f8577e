"""Refuses bodies that are too large, without keeping any of them."""

from __future__ import annotations

import asyncio
import contextlib

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from starter.http.parts import parts_of
from starter.http.problems import Problem, ProblemType

_DIGITS = 18
"""Of a length that is beyond all limits."""

_LINGER_SECONDS, _LINGER_BYTES = 1.0, 1024 * 1024
"""How long, and for how much, a connection stays open after a refusal."""


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
        refused = False
        count = 0

        async def counted() -> Message:
            nonlocal count, refused
            message = await receive()
            if message["type"] == "http.request":
                count += len(message.get("body", b""))
                if count > limit:
                    refused = True
                    raise _too_large(limit)
            return message

        async def sent(message: Message) -> None:
            if refused and message["type"] == "http.response.body" and not message.get("more_body"):
                await send({**message, "more_body": True})
                await _linger(receive)
                message = {"type": "http.response.body"}
            await send(message)

        told = Headers(scope=scope).get("content-length", "0")
        if told.isdecimal() and (len(told) > _DIGITS or int(told) > limit):
            refused = True
            await _too_large(limit).response()(scope, receive, sent)
            return
        await self._app(scope, counted, sent)


async def _linger(receive: Receive) -> None:
    """Throw away some of what is still coming, before the connection is closed.

    Who is still sending when it is closed is told that it broke, and may not see the answer.
    """
    thrown_away = 0
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LINGER_SECONDS):
            while thrown_away < _LINGER_BYTES:
                message = await receive()
                if not message.get("more_body"):
                    return
                thrown_away += len(message.get("body", b""))


def _too_large(limit: int) -> Problem:
    return Problem(
        ProblemType.body_too_large,
        f"The body is larger than {limit} bytes, which is the most that is taken.",
        headers={"Connection": "close"},
    )
