"""Temporal behind TLS, client certificates and API keys, as Temporal Cloud is: by variables alone, and what is told
where one of them is wrong."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

from demo.stack import Stack
from starter import Jobs, OrderConfirmationRequest
from starter.connection import connect
from starter.errors import InvalidStart, NotAuthorised, StarterError, TemporalUnreachable, UnknownNamespace
from tests.connection.certificates import authority_file, client_variables
from tests.connection.front import FORBIDDEN, front
from tests.starter.commandline import CommandLine
from tests.worker.conftest import Place, Start

HOST = "127.0.0.1"
KEY = "key-of-a-service-account"


@dataclass
class Authorities:
    """The server's own one, that of its clients, and a stranger's."""

    server: trustme.CA
    clients: trustme.CA
    stranger: trustme.CA
    trusted: dict[str, str]
    """Variables that make clients trust the first."""
    folder: Path

    def client(self, certificate: trustme.LeafCert) -> dict[str, str]:
        return client_variables(certificate, self.folder / "client")


@pytest.fixture(scope="module")
def authorities(tmp_path_factory: pytest.TempPathFactory) -> Authorities:
    folder = tmp_path_factory.mktemp("certificates")
    server = trustme.CA()
    trusted = {"TEMPORAL_TLS_SERVER_CA_CERT_PATH": authority_file(server, folder / "authority.pem")}
    return Authorities(server, trustme.CA(), trustme.CA(), trusted, folder)


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., None]:
    """Sets these variables of Temporal's, and no others."""

    def configure(address: str, **variables: str) -> None:
        for name in [name for name in os.environ if name.startswith("TEMPORAL_")]:
            monkeypatch.delenv(name)
        monkeypatch.setenv("TEMPORAL_CONFIG_FILE", str(tmp_path / "none.toml"))
        monkeypatch.setenv("TEMPORAL_ADDRESS", address)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return configure


async def told(error: type[StarterError]) -> str:
    """What is said of a connection that cannot be made: one line."""
    with pytest.raises(error) as raised:
        await Jobs.connect()
    message = str(raised.value)
    assert "\n" not in message
    return message


@pytest.mark.long
async def test_jobs_run_over_mutual_tls_with_an_api_key_and_a_revoked_key_only_makes_them_wait(
    stack: Stack, authorities: Authorities, start: Start, place: Place, environment: dict[str, str]
) -> None:
    certificate = authorities.server.issue_cert(HOST)
    async with front(stack.temporal_address, certificate, clients=authorities.clients, api_key=KEY) as temporal:
        variables = {
            **authorities.trusted,
            **authorities.client(authorities.clients.issue_cert("worker@shop.example.com")),
            "TEMPORAL_ADDRESS": temporal.address,
            "TEMPORAL_API_KEY": KEY,
        }
        worker = await start(**variables)
        await worker.takes_jobs()
        first = await place("tls@example.com")
        await first.result()
        shown = await CommandLine(environment | variables)("status", first.id, "--json")

        temporal.api_key = "another"
        waiting = await place("later@example.com")
        unready = await worker.get("/readyz")
        temporal.api_key = KEY
        await waiting.result()

    assert shown.document["state"] == "completed", shown.err
    assert {key for method, key in temporal.seen if method.endswith("/PollWorkflowTaskQueue")} == {f"Bearer {KEY}"}
    assert unready.status_code == 503
    assert "TEMPORAL_API_KEY" in unready.text
    assert KEY not in json.dumps(worker.lines) + unready.text


async def test_a_server_that_cannot_be_trusted_is_refused_with_the_reason_and_the_settings(
    stack: Stack, authorities: Authorities, configure: Callable[..., None]
) -> None:
    behind, good = stack.temporal_address, authorities.server.issue_cert(HOST)
    stranger = authority_file(authorities.stranger, authorities.folder / "stranger.pem")
    async with front(behind, good) as temporal:
        configure(temporal.address, TEMPORAL_TLS_SERVER_CA_CERT_PATH=stranger)
        unknown = await told(TemporalUnreachable)
        configure(temporal.address)
        plain = await told(TemporalUnreachable)
        configure(temporal.address, TEMPORAL_NAMESPACE="elsewhere", **authorities.trusted)
        namespace = await told(UnknownNamespace)
    async with front(behind, authorities.server.issue_cert("temporal.example.com")) as temporal:
        configure(temporal.address, **authorities.trusted)
        misnamed = await told(TemporalUnreachable)
        configure(temporal.address, TEMPORAL_TLS_SERVER_NAME="temporal.example.com", **authorities.trusted)
        await Jobs.connect()

    for message in (unknown, plain, misnamed):
        assert "are TEMPORAL_ADDRESS, TEMPORAL_TLS (an API key turns it on) and the files of TEMPORAL_TLS_*" in message
    assert "UnknownIssuer" in unknown
    assert "temporal.example.com" in misnamed
    assert "TEMPORAL_NAMESPACE" in namespace


async def test_credentials_that_are_refused_are_told_with_the_settings_that_hold_them(
    stack: Stack, authorities: Authorities, configure: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    behind, good = stack.temporal_address, authorities.server.issue_cert(HOST)
    async with front(behind, good, clients=authorities.clients) as temporal:
        for certificate in ({}, authorities.client(authorities.stranger.issue_cert("x@example.com"))):
            configure(temporal.address, **authorities.trusted, **certificate)
            assert "the files of TEMPORAL_TLS_*" in await told(TemporalUnreachable)
    async with front(behind, good, api_key=KEY) as temporal:
        configure(temporal.address, TEMPORAL_API_KEY=f"{KEY}\n", **authorities.trusted)  # as pasted
        await Jobs.connect()
        late = Jobs(await connect(lazy=True))
        temporal.refusal = FORBIDDEN
        forbidden = await told(NotAuthorised)
        temporal.api_key = "another"
        wrong_key = await told(NotAuthorised)
        with pytest.raises(NotAuthorised, match="Check TEMPORAL_API_KEY"):
            await late.start(OrderConfirmationRequest, order_id=1)

    assert "does not accept our credentials. Check TEMPORAL_API_KEY" in wrong_key
    assert "(caller has insufficient permissions for namespace 'shop.a1b2c')" in forbidden
    assert "TEMPORAL_NAMESPACE" in forbidden
    assert KEY not in wrong_key + forbidden + caplog.text


async def test_files_that_cannot_be_used_are_told_by_their_variables(
    stack: Stack, authorities: Authorities, configure: Callable[..., None], tmp_path: Path
) -> None:
    address, mine = stack.temporal_address, authorities.client(authorities.clients.issue_cert("x@example.com"))
    (tmp_path / "text.key").write_text("not a key")

    configure(address, TEMPORAL_TLS_SERVER_CA_CERT_PATH=str(tmp_path / "none.pem"))
    assert "See TEMPORAL_TLS_SERVER_CA_CERT_PATH" in await told(InvalidStart)
    configure(address, TEMPORAL_TLS_CLIENT_CERT_PATH=mine["TEMPORAL_TLS_CLIENT_CERT_PATH"])
    assert "set TEMPORAL_TLS_CLIENT_KEY_PATH too" in await told(InvalidStart)
    configure(address, **{**mine, "TEMPORAL_TLS_CLIENT_KEY_PATH": str(tmp_path / "text.key")})
    assert "the files of TEMPORAL_TLS_*" in await told(TemporalUnreachable)
