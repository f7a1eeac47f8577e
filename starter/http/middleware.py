"""What each request passes through: measurements, the last resort for errors, a time limit, a limit of its body."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
import uuid
from collections.abc import Sequence

from starlette.datastructures import Headers, MutableHeaders
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from adapters.telemetry.http_requests import HttpRequests
from starter.http.parts import parts_of
from starter.http.problems import Problem, ProblemType, unavailable

_log = logging.getLogger(__name__)


class HttpMiddleware:
    """Wraps an app; lets all but HTTP requests through."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through."""
        await (self.handle if scope["type"] == "http" else self._app)(scope, receive, send)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let an HTTP request through."""
        raise NotImplementedError


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

_OTHER = "_OTHER"
"""What OpenTelemetry's conventions have for all other methods."""

_UNMATCHED = "unmatched"


class Measured(HttpMiddleware):
    """The outermost, so that it sees what all others answer, and what breaks off.

    Counts into the `requests` of the app's state, an HttpRequests, where there is one.
    """

    def __init__(self, app: ASGIApp, routes: Sequence[BaseRoute] = ()) -> None:
        """Wrap the app. `routes`: where those that were answered before they were led to a route would have gone."""
        super().__init__(app)
        self._routes = [route for route in routes if isinstance(route, Route)]

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See `HttpMiddleware`."""
        requests: HttpRequests | None = getattr(scope["app"].state, "requests", None)
        if requests is None:
            await self._app(scope, receive, send)
            return
        status, ended, sending = 0, False, False

        async def sent(message: Message) -> None:
            nonlocal status, ended, sending
            sending = True
            await send(message)
            sending = False
            if message["type"] == "http.response.start":
                status = message["status"]
            elif message["type"] == "http.response.body" and not message.get("more_body"):
                ended = True

        began = time.perf_counter()
        requests.begin()
        try:
            await self._app(scope, receive, sent)
        finally:
            requests.end(
                scope["method"] if scope["method"] in _METHODS else _OTHER,
                self._template(scope),
                status,
                time.perf_counter() - began,
                # Whoever does not read an answer has broken it off; all else is our fault.
                broken_off=not (ended or sending),
            )

    def _template(self, scope: Scope) -> str:
        found = scope.get("route")
        if found is None:
            path = scope["path"].removeprefix(scope.get("root_path", ""))
            found = next((route for route in self._routes if route.path_regex.match(path)), None)
        return str(getattr(found, "path", _UNMATCHED))


class LastResort(HttpMiddleware):
    """Answers an unexpected error with a 500 that reveals nothing, and keeps every answer out of caches."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See `HttpMiddleware`."""
        started = False

        async def sent(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                # Orders are personal data, and states change.
                MutableHeaders(scope=message).setdefault("Cache-Control", "no-store")
            await send(message)

        try:
            await self._app(scope, receive, sent)
        except Exception:
            instance = f"urn:uuid:{uuid.uuid4()}"
            _log.exception("A request failed", extra={"action": "request-failed", "instance": instance})
            if started:
                raise
            problem = Problem(
                ProblemType.internal_error,
                "Something went wrong here. The log has it under what `instance` says.",
                instance=instance,
            )
            await problem.response()(scope, receive, sent)


_LINGER_S, _LINGER_BYTES = 1.0, 1024 * 1024
"""How long, and for how many bytes, a connection stays open after its body was refused."""


class BodyLimit(HttpMiddleware):
    """Refuses larger bodies, by their declared length before any of it has come.

    Starlette's own has a limit that is fixed when the app is made, and answers in plain text.
    """

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through, and count what is read of its body."""
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


class Deadline(HttpMiddleware):
    """Ends requests that take too long. Each piece of an answer has the whole time again."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through, and cancel it at its time limit."""
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
