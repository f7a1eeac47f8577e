"""Limits of a request: how large its body may be, and how long it may take."""

from __future__ import annotations

import asyncio
import contextlib
import logging

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from starter.http.parts import parts_of
from starter.http.problems import Problem, ProblemType, unavailable

_log = logging.getLogger(__name__)

_LINGER_S, _LINGER_BYTES = 1.0, 1024 * 1024
"""How long, and for how many bytes, a connection stays open after its body was refused."""


class BodyLimit:
    """Middleware: refuses larger bodies, by their declared length before any of it has come.

    Starlette's own has a limit that is fixed when the app is made, and answers in plain text.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through, and count what is read of its body."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = parts_of(scope).body_limit
        too_large = Problem(
            ProblemType.body_too_large,
            f"The body is larger than {limit} bytes, which is the most that is taken.",
            headers={"Connection": "close"},
        )
        count, refused = 0, False

        async def received() -> Message:
            nonlocal count, refused
            message = await receive()
            count += len(message.get("body", b""))
            if count > limit:
                refused = True
                raise too_large
            return message

        async def sent(message: Message) -> None:
            if refused and message["type"] == "http.response.body" and not message.get("more_body"):
                await send({**message, "more_body": True})
                await _linger(receive)
                message = {"type": "http.response.body"}
            await send(message)

        declared = Headers(scope=scope).get("content-length", "0")
        if declared.isdecimal() and (len(declared) > len(str(limit)) or int(declared) > limit):
            refused = True
            await too_large.response()(scope, receive, sent)
            return
        await self._app(scope, received, sent)


async def _linger(receive: Receive) -> None:
    """Read some of what is still coming: a client that is still sending at the end sees a broken connection instead."""
    count = 0
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LINGER_S):
            while count < _LINGER_BYTES and (message := await receive()).get("more_body"):
                count += len(message["body"])


class Deadline:
    """Middleware: ends requests that take too long. Each piece of an answer has the whole time again."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through, and cancel it at its time limit."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = parts_of(scope).request_timeout.total_seconds()
        reading = sending = started = False

        async def received() -> Message:
            nonlocal reading
            reading = True
            message = await receive()
            reading = False
            return message

        async def sent(message: Message) -> None:
            nonlocal sending, started
            sending = started = True
            _restart(timer, limit)
            await send(message)
            _restart(timer, limit)
            sending = False

        try:
            async with asyncio.timeout(limit) as timer:
                await self._app(scope, received, sent)
        except TimeoutError:
            if not timer.expired():
                raise
            about = {"action": "break-off" if started else "give-up", "limit_seconds": limit}
            if started:
                # The server closes the connection of an answer that has no end, so that no client takes it for whole.
                about["waited_for"] = "the client" if sending else "this process"
                _log.log(logging.WARNING if sending else logging.ERROR, "An answer was broken off", extra=about)
                return
            if reading:
                problem = Problem(
                    ProblemType.request_timeout,
                    f"The body did not arrive within {limit:g} s.",
                    headers={"Connection": "close"},
                )
            else:
                _log.error("A request was given up at its time limit", extra=about)  # the trace is of no use
                problem = unavailable(
                    f"The request took longer than {limit:g} s and was given up. It may have taken effect: "
                    "send it again, with the same Idempotency-Key if it had one."
                )
            await problem.response()(scope, receive, send)


def _restart(timer: asyncio.Timeout, limit: float) -> None:
    if not timer.expired():
        timer.reschedule(asyncio.get_running_loop().time() + limit)
