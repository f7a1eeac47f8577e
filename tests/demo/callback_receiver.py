"""A shop that gets callbacks: keeps what comes, and answers as it is told."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from types import TracebackType
from typing import Self


@dataclass(frozen=True)
class Received:
    """One callback, as it came."""

    headers: dict[str, str]
    """By their names in lower case."""
    body: bytes


class CallbackReceiver:
    """Listens on a port of its own."""

    def __init__(self) -> None:
        """Nothing has come yet."""
        self.received: list[Received] = []
        self.answers: deque[int] = deque()
        """Statuses of the next answers; 204 when there are none left."""

    @property
    def url(self) -> str:
        """Where callbacks are to go."""
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/callbacks"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("ascii")
        lines = [line.partition(": ") for line in head.split("\r\n")[1:] if line]
        headers = {name.lower(): value for name, _, value in lines}
        body = await reader.readexactly(int(headers["content-length"]))
        self.received.append(Received(headers, body))
        status = self.answers.popleft() if self.answers else 204
        writer.write(f"HTTP/1.1 {status} Told\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".encode())
        await writer.drain()
        writer.close()
        await writer.wait_closed()
