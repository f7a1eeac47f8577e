"""Sends callbacks over kept connections, and takes the time.

Over bare sockets, since an HTTP client would cost more than the server. Requests are signed before the clock starts.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, HTTPException, Request, Response
from standardwebhooks import Webhook, WebhookVerificationError

from demo.payments.provider import WEBHOOK_SECRET, signature

_ACCEPTED = b"HTTP/1.1 202 "
_END = b"\r\n\r\n"

bare = FastAPI()
"""A plain endpoint that verifies a callback's signature and does nothing else: what ours is compared with."""
_hook = Webhook(os.environ.get("PAYMENT_CALLBACK_SECRETS", WEBHOOK_SECRET))


@bare.post("/webhooks/payments", status_code=202)
async def receive(request: Request) -> Response:
    """Verify the signature."""
    try:
        _hook.verify(await request.body(), dict(request.headers), json_parse=False)
    except WebhookVerificationError as exc:
        raise HTTPException(401) from exc
    return Response(status_code=202)


def callbacks(number: int) -> list[bytes]:
    """Requests of as many events, signed now: they are taken for five minutes."""
    return [_callback(f"evt_{uuid.uuid4().hex}", int(time.time())) for _ in range(number)]


def _callback(event_id: str, at: int) -> bytes:
    about = {"type": "payment.captured", "timestamp": "2026-03-29T08:30:00+00:00"}
    body = json.dumps({"id": event_id, **about, "data": {"payment_id": f"pi_{uuid.uuid4().hex}"}})
    signed = signature(WEBHOOK_SECRET, message_id=event_id, at=at, body=body)
    headers = {"host": "shop", "content-type": "application/json", "content-length": str(len(body)), **signed}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST /webhooks/payments HTTP/1.1\r\n{head}\r\n{body}".encode()


class _Connection(asyncio.Protocol):
    """Sends a request, and notes when the answer is there. Both servers' answers to a callback have no body."""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self._answered: asyncio.Future[None] | None = None
        self._read = b""

    def data_received(self, data: bytes) -> None:
        self._read += data
        if not _ACCEPTED.startswith(self._read[: len(_ACCEPTED)]):
            self._fail(self._read.decode(errors="replace"))
        elif self._answered is not None and self._read.endswith(_END) and not self._answered.done():
            self._answered.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(f"the connection broke: {exc}")

    def _fail(self, problem: str) -> None:
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(RuntimeError(problem))

    async def send(self, request: bytes) -> None:
        """Return when it is accepted. Raises RuntimeError if the answer is not 202."""
        self._read, self._answered = b"", asyncio.get_running_loop().create_future()
        self.transport.write(request)
        await self._answered


@asynccontextmanager
async def _connected(port: int, number: int) -> AsyncIterator[list[_Connection]]:
    loop = asyncio.get_running_loop()
    connections = [(await loop.create_connection(_Connection, "127.0.0.1", port))[1] for _ in range(number)]
    try:
        yield connections
    finally:
        for connection in connections:
            connection.transport.close()


async def as_fast_as_it_goes(port: int, requests: Sequence[bytes], *, connections: int) -> tuple[float, list[float]]:
    """Each connection sends its next request when the last one is answered; requests per second, and ms each."""
    left = iter(requests)
    took: list[float] = []

    async def work(connection: _Connection) -> None:
        for request in left:
            began = time.perf_counter()
            await connection.send(request)
            took.append((time.perf_counter() - began) * 1000)

    async with _connected(port, connections) as connected:
        began = time.perf_counter()
        await asyncio.gather(*map(work, connected))
        return len(requests) / (time.perf_counter() - began), took


async def at_rate(port: int, requests: Sequence[bytes], *, per_second: float, connections: int) -> list[float]:
    """Send at a rate, whether the others are answered or not; milliseconds from when each was due."""
    async with _connected(port, connections) as connected:
        free: asyncio.Queue[_Connection] = asyncio.Queue()
        for connection in connected:
            free.put_nowait(connection)
        began = time.perf_counter()

        async def one(number: int, request: bytes) -> float:
            due = began + number / per_second
            await asyncio.sleep(max(0, due - time.perf_counter()))
            connection = await free.get()
            await connection.send(request)
            free.put_nowait(connection)
            return (time.perf_counter() - due) * 1000

        return await asyncio.gather(*(one(number, request) for number, request in enumerate(requests)))
