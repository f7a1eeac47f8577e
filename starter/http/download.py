"""A file on its way to whoever reads it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from domain.errors import Gone, JobError, TransientError
from starter.http.deadline import prolong, waiting_for
from starter.http.problems import Problem, ProblemType, unavailable

_log = logging.getLogger(__name__)

_SENT = 256 * 1024
"""Bytes that are sent at a time. Each time must end within API_REQUEST_TIMEOUT, and so must each read before it."""

_STORAGE = "the storage of reports"

_SOME_TIME = 300
"""Seconds of `Retry-After` where somebody has to mend our settings first."""


class Download(Response):
    """Sends a file as it is read. Where that fails in the midst of it, the answer breaks off rather than end well."""

    def __init__(
        self,
        reading: AbstractAsyncContextManager[AsyncIterator[bytes]],
        *,
        status_code: int,
        headers: Mapping[str, str],
        media_type: str,
    ) -> None:
        """`headers` have the file's length."""
        super().__init__(None, status_code, headers, media_type)
        self._reading = reading

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Raises a Problem where the file cannot be read from its beginning: 410 or 503."""
        begun = False
        gone = asyncio.create_task(_gone(receive))
        try:
            async with AsyncExitStack() as stack:
                with waiting_for(scope, _STORAGE):
                    pieces = await stack.enter_async_context(self._reading)
                    piece = await anext(pieces, b"")
                await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
                begun = True
                while piece and not gone.done():
                    for start in range(0, len(piece), _SENT):
                        prolong(scope)
                        part = piece[start : start + _SENT]
                        await send({"type": "http.response.body", "body": part, "more_body": True})
                    with waiting_for(scope, _STORAGE):
                        piece = await anext(pieces, b"")
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except JobError as exc:
            if not begun:
                raise _problem(exc) from exc
            # The server closes the connection of an answer that has no end, so that nobody takes it for whole.
            _log.error("A download was broken off", extra={"action": "break-off", "why": exc.message})
        finally:
            gone.cancel()


def _problem(exc: JobError) -> Problem:
    if isinstance(exc, Gone):
        return Problem(ProblemType.report_removed, "The report's file is gone. Ask for the report again.")
    mends_itself = isinstance(exc, TransientError)
    level = logging.WARNING if mends_itself else logging.ERROR
    _log.log(level, "A report could not be read", extra={"action": "unavailable", "why": exc.message})
    if mends_itself:
        return unavailable("The storage of reports cannot be used for now. Ask again.")
    return unavailable("The storage of reports cannot be used: its settings are wrong.", _SOME_TIME)


async def _gone(receive: Receive) -> None:
    """Wait until whoever reads has gone away."""
    while (await receive())["type"] != "http.disconnect":
        pass
