"""The connections to the server, so that one can be broken in the middle of a call."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

Address = tuple[str, int]


class Connections:
    """All that are open, by the client's address."""

    def __init__(self) -> None:
        """None is."""
        self._open: dict[Address, asyncio.Transport] = {}

    def protocol(self) -> type[H11Protocol]:
        """What uvicorn has to speak HTTP with."""
        opened = self._open

        class Tracked(H11Protocol):
            def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
                super().connection_made(transport)
                if self.client is not None:
                    opened[self.client] = transport

            def connection_lost(self, exc: Exception | None) -> None:
                if self.client is not None:
                    opened.pop(self.client, None)
                super().connection_lost(exc)

        return Tracked

    def cut(self, client: Address, *, sent_first: bool = False) -> None:
        """Break a client's connection; `sent_first` after what was sent has left."""
        if transport := self._open.get(client):
            if sent_first:
                transport.close()
            else:
                transport.abort()
