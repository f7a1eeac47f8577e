"""The connection to Temporal, from `TEMPORAL_*` variables and the `temporal` CLI's profile file alone."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, TypeVar

from temporalio.api.errordetails.v1 import PermissionDeniedFailure
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.envconfig import ClientConfig
from temporalio.service import RPCError, RPCStatusCode, TLSConfig

from starter import encryption
from starter.errors import InvalidStart, NotAuthorised, NotSetUp, StarterError, TemporalUnreachable, UnknownNamespace

T = TypeVar("T")

DEFAULT_ADDRESS = "127.0.0.1:7233"
RPC_TIMEOUT = timedelta(seconds=8)
"""For one call: an error is to be there within 10 s."""

_NO_CONNECTION = "Failed client connect"
"""Beginning of the RuntimeError that the SDK raises."""
_CREDENTIALS = (
    "Check TEMPORAL_API_KEY (it may have expired: set a new one, and restart what has the old one), or the client "
    "certificate in TEMPORAL_TLS_CLIENT_CERT_PATH and TEMPORAL_TLS_CLIENT_KEY_PATH, and TEMPORAL_NAMESPACE (Temporal "
    "Cloud's are of the form name.account)."
)


async def connect(*, within: timedelta = RPC_TIMEOUT, lazy: bool = False, **options: Any) -> Client:
    """Connect as the environment says: `TEMPORAL_ADDRESS`, `TEMPORAL_NAMESPACE`, `TEMPORAL_PROFILE` and so on.

    `options` go to `temporalio.client.Client.connect` and win over the environment. With `lazy` the connection is made
    at the first call, which takes up to 30 s where something accepts it and then stays silent.

    What is sent is encrypted where `JOBS_ENCRYPTION_KEYS` is set. Raises TemporalUnreachable, UnknownNamespace,
    NotAuthorised, InvalidStart for wrong variables or profiles.
    """
    configured = load()
    configured.setdefault("target_host", DEFAULT_ADDRESS)
    configured.update(options)
    if "data_converter" not in configured:
        configured["data_converter"] = encryption.configured()
    try:
        async with asyncio.timeout(within.total_seconds()):
            client = await Client.connect(**configured, lazy=lazy)
    except (RuntimeError, TimeoutError) as exc:
        raise _unreached(exc, configured["target_host"]) from exc
    if not lazy:
        await check_namespace(client)
    return client


def load() -> dict[str, Any]:
    """What variables and profile say, as options of `Client.connect`. Raises InvalidStart."""
    try:
        configured: dict[str, Any] = {**ClientConfig.load_client_connect_config()}
    except (RuntimeError, ValueError, OSError) as exc:
        # The first line alone, and no cause: the rest quotes the profile file, which holds keys.
        why = (str(exc).splitlines() or [type(exc).__name__])[0]
        named = [name for name, path in os.environ.items() if name.startswith("TEMPORAL_") and path and path in why]
        raise InvalidStart(
            f"The connection to Temporal is not configured right: {why}. See {', '.join(named) or 'TEMPORAL_*'}."
        ) from None
    if key := configured.get("api_key"):
        configured["api_key"] = key.strip()  # a pasted line's end is no part of it
    tls = configured.get("tls")
    if isinstance(tls, TLSConfig) and bool(tls.client_cert) != bool(tls.client_private_key):
        missing = "TEMPORAL_TLS_CLIENT_KEY_PATH" if tls.client_cert else "TEMPORAL_TLS_CLIENT_CERT_PATH"
        raise InvalidStart(f"A client certificate and its key go together: set {missing} too.")
    return configured


async def check_namespace(client: Client) -> None:
    """Raises UnknownNamespace, TemporalUnreachable or NotAuthorised where the client's namespace cannot be used."""
    async with explained(client):
        await client.workflow_service.describe_namespace(
            DescribeNamespaceRequest(namespace=client.namespace), timeout=RPC_TIMEOUT
        )


@asynccontextmanager
async def explained(client: Client) -> AsyncIterator[None]:
    """Turn the errors of Temporal's calls into ours, which say what to do. Others pass."""
    try:
        yield
    except RPCError as exc:
        raise explain(exc, client) from exc
    except RuntimeError as exc:  # of the connection, which a lazy client makes at its first call
        if not str(exc).startswith(_NO_CONNECTION):
            raise
        raise _unreached(exc, client.service_client.config.target_host) from exc


@asynccontextmanager
async def if_present(client: Client, *also: RPCStatusCode) -> AsyncIterator[None]:
    """As `explained`, but leave the block without an error if what a call is about does not exist.

    `also`: further statuses that mean so.
    """
    async with explained(client):
        try:
            yield
        except RPCError as exc:
            if not is_absent(exc) and exc.status not in also:
                raise


async def found(client: Client, call: Awaitable[T]) -> T | None:
    """Return the answer to a call; None if what it is about does not exist. Raises as `explained` does."""
    async with if_present(client):
        return await call
    return None


def is_absent(exc: RPCError) -> bool:
    """Tell whether what a call is about (a run, a schedule) does not exist, although its namespace does."""
    # Temporal's test server names the namespace in other messages too.
    return exc.status is RPCStatusCode.NOT_FOUND and not exc.message.lower().startswith("namespace ")


def explain(exc: RPCError, client: Client) -> StarterError:
    """The error to raise instead of a call's own."""
    address = client.service_client.config.target_host
    match exc.status:
        case RPCStatusCode.NOT_FOUND if not is_absent(exc):
            return UnknownNamespace(
                f"Temporal at {address} has no namespace {client.namespace!r}. Set TEMPORAL_NAMESPACE to one that "
                f"exists, or make it: `temporal operator namespace create -n {client.namespace}`"
            )
        case RPCStatusCode.UNAUTHENTICATED:
            return NotAuthorised(f"Temporal at {address} does not accept our credentials. {_CREDENTIALS}")
        case RPCStatusCode.PERMISSION_DENIED:
            return NotAuthorised(
                f"Temporal at {address} does not permit this in namespace {client.namespace!r}{_reason(exc)}. "
                f"{_CREDENTIALS}"
            )
        case RPCStatusCode.INVALID_ARGUMENT if "search attribute" in exc.message.lower():
            return NotSetUp(f"Temporal at {address} lacks a search attribute ({exc.message}). Run `jobs setup`.")
        case RPCStatusCode.INVALID_ARGUMENT | RPCStatusCode.FAILED_PRECONDITION:
            return InvalidStart(f"Temporal refuses this: {exc.message}")
        case _:
            return TemporalUnreachable(
                f"Temporal at {address} does not answer as it should ({exc.status.name.lower()}: {exc.message[:200]}). "
                f"Is it running? Try again."
            )


def _reason(exc: RPCError) -> str:
    """Temporal's own words, where its authoriser gives a reason; a server that checks tokens itself gives none."""
    failure = PermissionDeniedFailure()
    for detail in exc.grpc_status.details:
        if detail.Is(PermissionDeniedFailure.DESCRIPTOR) and detail.Unpack(failure) and failure.reason:
            return f" ({' '.join(failure.reason.split())[:200]})"
    return ""


def _unreached(exc: Exception, address: str) -> StarterError:
    """The error to raise if no connection could be made: one line, with the SDK's own reason, which holds no secret."""
    reason = " ".join(str(exc).removeprefix(_NO_CONNECTION).strip(": ").split())[:500] or "it does not answer"
    if "Unauthenticated" in reason or "PermissionDenied" in reason:
        return NotAuthorised(f"Temporal at {address} does not accept our credentials. {_CREDENTIALS}")
    return TemporalUnreachable(
        f"Temporal does not answer at {address}. Is it running, and are TEMPORAL_ADDRESS, TEMPORAL_TLS (an API key "
        f"turns it on) and the files of TEMPORAL_TLS_* right? (Here, `make demo` starts one.) Reason: {reason}"
    )


def web_ui_base() -> str:
    """Address of the Web UI: `JOBS_WEB_UI`, or the development server's default."""
    return os.environ.get("JOBS_WEB_UI", "http://127.0.0.1:8233").rstrip("/")
