"""Whether Temporal is there and set up, for those who wait for it or report on it."""

from __future__ import annotations

from typing import Any

from pydantic import SecretStr
from temporalio.api.workflowservice.v1 import GetSystemInfoRequest
from temporalio.client import Client

from starter.connection import DEFAULT_ADDRESS, RPC_TIMEOUT, check_namespace, connect, explained, load
from starter.encryption import shown_settings
from starter.errors import NotAuthorised, NotSetUp, TemporalUnreachable
from starter.setup import missing_search_attributes, wanted_search_attributes


class TemporalProbe:
    """Connects at the first probe that finds Temporal there. Each probe returns a fact worth showing.

    Each raises a StarterError that says what to do where something is missing.
    """

    def __init__(self, **options: Any) -> None:
        """`options` go to `starter.connection.connect`."""
        self._options = options
        self._client: Client | None = None

    @property
    def client(self) -> Client:
        """The connected client. Raises TemporalUnreachable before there is one."""
        if self._client is None:
            raise TemporalUnreachable("Temporal is not connected yet.")
        return self._client

    async def server(self) -> str:
        """Reachable, and the namespace is there."""
        if self._client is None:
            self._client = await connect(**self._options)
        else:
            await check_namespace(self._client)
        async with explained(self._client):
            info = await self._client.workflow_service.get_system_info(GetSystemInfoRequest(), timeout=RPC_TIMEOUT)
        address = self._client.service_client.config.target_host
        return f"{address}, namespace {self._client.namespace}, server {info.server_version}"

    async def search_attributes(self) -> str:
        """Registered; without them, starts are refused, and failing jobs hang instead of failing."""
        wanted = ", ".join(wanted_search_attributes())
        try:
            missing = await missing_search_attributes(self.client)
        except NotAuthorised:
            # Temporal Cloud keeps this call to itself. A start would tell.
            return f"{wanted} (not known whether they are registered: we may not list them)"
        if missing:
            raise NotSetUp(f"Temporal lacks the search attributes {', '.join(missing)}: run `jobs setup`.")
        return wanted

    async def set_up(self) -> str:
        """Both, one after the other."""
        server = await self.server()
        return f"{server}; search attributes {await self.search_attributes()}"


def connection_settings() -> dict[str, str | SecretStr | None]:
    """How the connection is configured, by the variables' names, wherever that was told; None where it wasn't.

    Raises InvalidStart where it cannot be read.
    """
    told = load()
    settings: dict[str, str | SecretStr | None] = {
        "TEMPORAL_ADDRESS": told.get("target_host", DEFAULT_ADDRESS),
        "TEMPORAL_NAMESPACE": told.get("namespace", "default"),
        "TEMPORAL_API_KEY": SecretStr(key) if (key := told.get("api_key")) else None,
        "TEMPORAL_TLS": "on" if told.get("tls") else "off",
        **shown_settings(),
    }
    for name, value in (told.get("rpc_metadata") or {}).items():
        settings[f"TEMPORAL_GRPC_META_{name.upper().replace('-', '_')}"] = SecretStr(str(value))
    return settings
