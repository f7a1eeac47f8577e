"""Carries misbehaviour out: answers that are wrong, late, broken off or without an end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from demo.payments import objects
from demo.payments.behaviour import Misbehaviour
from demo.payments.connections import Connections

Answer = Callable[[Request], Awaitable[Response]]
"""What the provider would do if it behaved."""


async def misbehaved(rule: Misbehaviour, request: Request, answer: Answer, connections: Connections) -> Response:
    """The response that a rule makes of a call."""
    client = request.scope["client"]
    match rule.kind:
        case "answer":
            return _told(rule)
        case "slow":
            await asyncio.sleep(rule.seconds)
            return await answer(request)
        case "hang":
            return _Hang()
        case "cut":
            connections.cut(client)
            return _Hang()
        case "lost":
            await answer(request)
            connections.cut(client)
            return _Hang()
        case "cut-midway":
            return _CutMidway(bytes((await answer(request)).body), lambda: connections.cut(client, sent_first=True))
        case "drip":
            return _Drip(bytes((await answer(request)).body), rule.seconds)
        case "endless":
            return _Endless()


def _told(rule: Misbehaviour) -> Response:
    body = rule.body
    if body is None:
        body = json.dumps(objects.error("api_error", "told_so", f"Somebody told me to answer {rule.status}."))
    return Response(body, rule.status, rule.headers, rule.content_type)


_HEAD = [(b"content-type", b"application/json")]


class _Hang(Response):
    """Says nothing until the client has gone."""

    async def __call__(self, _scope: Scope, receive: Receive, _send: Send) -> None:
        await _gone(receive)


class _CutMidway(Response):
    def __init__(self, whole: bytes, cut: Callable[[], None]) -> None:
        super().__init__()
        self._whole, self._cut = whole, cut

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        length = (b"content-length", str(len(self._whole)).encode())
        await send({"type": "http.response.start", "status": 200, "headers": [*_HEAD, length]})
        half = self._whole[: len(self._whole) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})
        self._cut()
        await _gone(receive)


class _Drip(Response):
    def __init__(self, whole: bytes, seconds: float) -> None:
        super().__init__()
        self._whole, self._seconds = whole, seconds

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        gone = asyncio.create_task(_gone(receive))
        await send({"type": "http.response.start", "status": 200, "headers": _HEAD})
        for number in range(len(self._whole)):
            await send({"type": "http.response.body", "body": self._whole[number : number + 1], "more_body": True})
            await asyncio.wait({gone}, timeout=self._seconds)
            if gone.done():
                return
        gone.cancel()
        await send({"type": "http.response.body", "body": b""})


class _Endless(Response):
    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        gone = asyncio.create_task(_gone(receive))
        await send({"type": "http.response.start", "status": 200, "headers": _HEAD})
        while not gone.done():
            await send({"type": "http.response.body", "body": b"[" * 65_536, "more_body": True})
            await asyncio.sleep(0)


async def _gone(receive: Receive) -> None:
    """Return when the client has closed the connection."""
    while (await receive())["type"] != "http.disconnect":
        pass
