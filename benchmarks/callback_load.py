"""Sends callbacks over kept connections, and takes the time.

Over bare sockets, since an HTTP client would cost more than the server. Requests are signed before the clock starts.
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from demo.payments import signatures
from demo.payments.keys import WEBHOOK_SECRET

_ACCEPTED = b"HTTP/1.1 202 "
_END = b"\r\n\r\n"


class Unexpected(Exception):
    """A server answered something else than 202."""


def callbacks(number: int) -> list[bytes]:
    """Requests of as many events, signed now: they are taken for five minutes."""
    return list(_callbacks(number))


def _callbacks(number: int) -> Iterator[bytes]:
    at = int(time.time())
    for _ in range(number):
        event_id = f"evt_{uuid.uuid4().hex}"
        body = json.dumps(
            {
                "id": event_id,
                "type": "payment.captured",
                "timestamp": "2026-03-29T08:30:00+00:00",
                "data": {"payment_id": f"pi_{uuid.uuid4().hex}"},
            }
        )
        signed = signatures.standard(WEBHOOK_SECRET, message_id=event_id, at=at, body=body)
        headers = {"host": "shop", "content-type": "application/json", "content-length": str(len(body)), **signed}
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        yield f"POST /webhooks/payments HTTP/1.1\r\n{head}\r\n{body}".encode()


class _Connection(asyncio.Protocol):
    """Sends a request, and tells when the answer is there. Both servers' answers to a callback have no body."""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._answered: asyncio.Future[None] | None = None
        self._read = b""

    def data_received(self, data: bytes) -> None:
        self._read += data
        if self._answered is not None and self._read.endswith(_END):
            self._tell(None if self._read.startswith(_ACCEPTED) else Unexpected(self._read.decode(errors="replace")))
        elif not _ACCEPTED.startswith(self._read[: len(_ACCEPTED)]):
            self._tell(Unexpected(self._read.decode(errors="replace")))

    def connection_lost(self, exc: Exception | None) -> None:
        self._tell(Unexpected(f"the connection broke: {exc}"))

    def _tell(self, problem: Unexpected | None) -> None:
        if self._answered is None or self._answered.done():
            return
        if problem is None:
            self._answered.set_result(None)
        else:
            self._answered.set_exception(problem)

    async def send(self, request: bytes) -> None:
        """Return when it is accepted. Raises Unexpected."""
        self._read, self._answered = b"", asyncio.get_running_loop().create_future()
        self._transport.write(request)
        await self._answered

    def close(self) -> None:
        self._transport.close()


@asynccontextmanager
async def _connected(port: int, number: int) -> Any:
    loop = asyncio.get_running_loop()
    connections = [(await loop.create_connection(_Connection, "127.0.0.1", port))[1] for _ in range(number)]
    try:
        yield connections
    finally:
        for connection in connections:
            connection.close()


async def as_fast_as_it_goes(port: int, requests: Sequence[bytes], *, connections: int) -> tuple[float, list[float]]:
    """Each connection sends its next request when the last one is answered; requests a second, and milliseconds each.

    Raises Unexpected.
    """
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
    """Send at a rate, whether the others are answered or not; milliseconds from when each was due.

    Raises Unexpected.
    """
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
