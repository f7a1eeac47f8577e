"""Counts and times requests, by the template of their route: paths hold ids, and anybody can make up others."""

from __future__ import annotations

import time
from collections.abc import Sequence

from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from adapters.telemetry.http_requests import HttpRequests

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

_OTHER = "_OTHER"
"""What OpenTelemetry's conventions have for all other methods."""

_UNMATCHED = "unmatched"


class Measured:
    """Middleware. The outermost, so that it sees what all others answer, and what breaks off.

    Counts into the `requests` of the app's state, an HttpRequests, where there is one.
    """

    def __init__(self, app: ASGIApp, routes: Sequence[BaseRoute] = ()) -> None:
        """Wrap the app. `routes`: where those that were answered before they were led to a route would have gone."""
        self._app = app
        self._routes = [route for route in routes if isinstance(route, Route)]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through."""
        requests: HttpRequests | None = None
        if scope["type"] == "http":
            requests = getattr(scope["app"].state, "requests", None)
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
