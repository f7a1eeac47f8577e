"""Stands before the embedded Temporal as Temporal Cloud does: TLS, client certificates, API keys, and nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
import grpc.aio
import trustme
from temporalio.api.common.v1 import GrpcStatus
from temporalio.api.errordetails.v1 import PermissionDeniedFailure

_HEALTH = ("/GetSystemInfo", "/Check")
"""Calls that Temporal's authoriser lets everybody make whose credentials can be read."""

LONGEST_CALL = 75
"""Seconds: a worker's poll is answered by the server after 60."""


@dataclass(frozen=True)
class Refusal:
    """What calls are answered with."""

    status: grpc.StatusCode
    message: str
    reason: str = ""
    """Of the authoriser, as Temporal Cloud tells it in the error's details."""
    of_all: bool = True
    """Also of those that need no right."""

    def of(self, method: str) -> bool:
        return self.of_all or not method.endswith(_HEALTH)

    @property
    def details(self) -> bytes:
        status = GrpcStatus(code=self.status.value[0], message=self.message)
        status.details.add().Pack(PermissionDeniedFailure(reason=self.reason))
        return status.SerializeToString()


FORBIDDEN = Refusal(
    grpc.StatusCode.PERMISSION_DENIED,
    "Request unauthorized.",
    "caller has insufficient permissions for namespace 'shop.a1b2c'",
    of_all=False,
)
"""A good key without a right in the namespace, or a namespace that is not there, which Temporal Cloud tells alike."""


@dataclass
class Front:
    """What it asks for, and what it has seen. `api_key` and `refusal` can be changed while it runs."""

    address: str
    api_key: str | None
    refusal: Refusal | None = None
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
            refusal = self._front.refusal
            if refusal is not None and refusal.of(method):
                context.set_trailing_metadata((("grpc-status-details-bin", refusal.details),))
                await context.abort(refusal.status, refusal.message)
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
