"""Stands before the embedded Temporal as Temporal Cloud does: TLS, client certificates, API keys, and nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
import grpc.aio
import trustme

LONGEST_CALL = 75
"""Seconds: a worker's poll is answered by the server after 60."""


@dataclass
class Front:
    """What it asks for, and what it has seen. `api_key` can be changed while it runs, as one that is revoked."""

    address: str
    api_key: str | None
    seen: list[tuple[str, str | None]] = field(default_factory=list)
    """Method and `authorization` of each call."""


class _Forward(grpc.GenericRpcHandler):  # type: ignore[misc]  # its base class has no types
    """Hands calls on as the bytes that they are: all of Temporal's are one request, one response."""

    def __init__(self, front: Front, behind: grpc.aio.Channel) -> None:
        self._front = front
        self._behind = behind

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        method: str = handler_call_details.method
        headers: dict[str, Any] = dict(handler_call_details.invocation_metadata)
        return grpc.unary_unary_rpc_method_handler(self._call(method, headers))

    def _call(self, method: str, headers: dict[str, Any]) -> Callable[[bytes, Any], Awaitable[bytes]]:
        async def call(request: bytes, context: Any) -> bytes:
            told = headers.get("authorization")
            self._front.seen.append((method, told))
            if self._front.api_key is not None and told != f"Bearer {self._front.api_key}":
                await context.abort(grpc.StatusCode.UNAUTHENTICATED, "Request unauthorized: invalid API key.")
            on = [(name, value) for name, value in headers.items() if name.startswith(("temporal-", "client-"))]
            try:
                answer: bytes = await self._behind.unary_unary(method)(request, metadata=on, timeout=LONGEST_CALL)
            except grpc.aio.AioRpcError as exc:
                context.set_trailing_metadata(exc.trailing_metadata())  # the details of an error stand there
                await context.abort(exc.code(), exc.details())
            return answer

        return call


@asynccontextmanager
async def front(
    behind: str, certificate: trustme.LeafCert, *, clients: trustme.CA | None = None, api_key: str | None = None
) -> AsyncIterator[Front]:
    """Serve TLS with a certificate; ask for one of `clients`, and for an API key, where they are given."""
    credentials = grpc.ssl_server_credentials(
        [(certificate.private_key_pem.bytes(), b"".join(pem.bytes() for pem in certificate.cert_chain_pems))],
        root_certificates=clients.cert_pem.bytes() if clients else None,
        require_client_auth=clients is not None,
    )
    server = grpc.aio.server()
    async with grpc.aio.insecure_channel(behind) as channel:
        running = Front(f"127.0.0.1:{server.add_secure_port('127.0.0.1:0', credentials)}", api_key)
        server.add_generic_rpc_handlers((_Forward(running, channel),))
        await server.start()
        try:
            yield running
        finally:
            await server.stop(grace=None)
