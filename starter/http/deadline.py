"""Ends requests that take too long, so that nobody holds a connection for ever.

A long answer gets the whole time anew for each of its pieces, and for each piece that is fetched for it: however long
it is, whoever reads it must go on reading, and whoever gives it must go on giving.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from starter.http.parts import parts_of
from starter.http.problems import Problem, ProblemType, unavailable

_log = logging.getLogger(__name__)

_WATCH = "durable_jobs.deadline"


def prolong(scope: Scope) -> None:
    """Give a request the whole time anew."""
    watch: _Watch = scope[_WATCH]
    watch.timer.reschedule(asyncio.get_running_loop().time() + parts_of(scope).request_timeout.total_seconds())


@contextmanager
def waiting_for(scope: Scope, whom: str) -> Iterator[None]:
    """Give a request the whole time anew to wait for a part of ours, which is at fault where it does not suffice."""
    watch: _Watch = scope[_WATCH]
    prolong(scope)
    watch.waits_for = whom
    yield
    # Not where it was cancelled: it is told whom it was waiting for then.
    watch.waits_for = None


class _Watch:
    """What a request is at. Its time limit is whose fault, that tells."""

    def __init__(self, timer: asyncio.Timeout, receive: Receive, send: Send) -> None:
        self.timer = timer
        self.waits_for: str | None = None
        """A part of ours."""
        self.reading = False
        """The body, which has not come so far."""
        self.sending = False
        self.started = False
        self._body_is_whole = False
        self._receive = receive
        self._send = send

    async def receive(self) -> Message:
        # Behind the body there is only to be told that whoever asks has gone away.
        self.reading = not self._body_is_whole
        message = await self._receive()
        self.reading = False
        if message["type"] == "http.request" and not message.get("more_body"):
            self._body_is_whole = True
        return message

    async def send(self, message: Message) -> None:
        self.started = self.sending = True
        await self._send(message)
        self.sending = False


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
        limit = parts_of(scope).request_timeout.total_seconds()
        try:
            async with asyncio.timeout(limit) as timer:
                watch = scope[_WATCH] = _Watch(timer, receive, send)
                await self._app(scope, watch.receive, watch.send)
        except TimeoutError:
            if not timer.expired():
                raise
            limit = parts_of(scope).request_timeout.total_seconds()
            if watch.started:
                # The server closes the connection of an answer that has no end, so that nobody takes it for whole.
                _broken_off(watch, limit)
                return
            await _too_late(watch, limit).response()(scope, receive, send)


def _broken_off(watch: _Watch, limit: float) -> None:
    whom = "whoever reads the answer" if watch.sending else watch.waits_for or "this process"
    about = {"action": "break-off", "limit_seconds": limit, "waited_for": whom}
    _log.log(logging.WARNING if watch.sending else logging.ERROR, "An answer was broken off", extra=about)


def _too_late(watch: _Watch, limit: float) -> Problem:
    if watch.reading and watch.waits_for is None:
        return Problem(
            ProblemType.request_timeout,
            f"The body did not arrive within {limit:g} s.",
            headers={"Connection": "close"},
        )
    about = {"action": "give-up", "limit_seconds": limit, "waited_for": watch.waits_for or "this process"}
    _log.error("A request was given up at its time limit", extra=about)
    if (whom := watch.waits_for) is not None:
        return unavailable(f"{whom[:1].upper()}{whom[1:]} did not answer within {limit:g} s. Ask again.")
    return unavailable(
        f"The request took longer than {limit:g} s and was given up. It may have taken effect: "
        f"send it again, with the same Idempotency-Key where it had one."
    )
