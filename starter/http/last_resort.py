"""The outermost layer: what nobody foresaw becomes a 500 that tells nothing, and no answer is kept by a cache."""

from __future__ import annotations

import logging
import uuid

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from starter.http.problems import Problem, ProblemType

_log = logging.getLogger(__name__)


class LastResort:
    """Middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
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
