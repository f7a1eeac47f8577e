"""Temporal behind TLS, client certificates and API keys, as Temporal Cloud is: by variables alone, and what is told
where one of them is wrong."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

from adapters.settings import ApiSettings
from demo.stack import Stack
from starter import Jobs, OrderConfirmationRequest
from starter.api import make_app
from starter.connection import connect
from starter.errors import InvalidStart, NotAuthorised, StarterError, TemporalUnreachable, UnknownNamespace
from tests.connection.certificates import authority_file, client_variables, expired
from tests.connection.front import EXPIRED, FORBIDDEN, UNREADABLE, front
from tests.http_interface.serving import client_of, serving, settings_of
from tests.starter.commandline import CommandLine
from tests.worker.conftest import Place, Start
from tests.worker.worker_process import output_of

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
        temporal.api_key, temporal.refusal = KEY, UNREADABLE  # of a key whose time is up, where Temporal itself looks
        async with asyncio.timeout(30):
            while "may have expired" not in (expired_too := await worker.get("/readyz")).text:  # noqa: ASYNC110  # it looks each two seconds
                await asyncio.sleep(0.1)
        warned = await worker.says("TEMPORAL_API_KEY", where=lambda line: line["level"] == "warning")
        temporal.refusal = None
        await waiting.result()

    assert shown.document["state"] == "completed", shown.err
    assert {key for method, key in temporal.seen if method.endswith("/PollWorkflowTaskQueue")} == {f"Bearer {KEY}"}
    assert unready.status_code == 503
    assert "TEMPORAL_API_KEY" in unready.text
    assert expired_too.status_code == 503
    assert "set TEMPORAL_API_KEY to a new one" in warned["message"]
    assert KEY not in json.dumps(worker.lines) + unready.text + expired_too.text


async def test_a_server_that_cannot_be_trusted_is_refused_with_the_variable_to_mend(
    stack: Stack, authorities: Authorities, configure: Callable[..., None]
) -> None:
    behind, good = stack.temporal_address, authorities.server.issue_cert(HOST)
    stranger = authority_file(authorities.stranger, authorities.folder / "stranger.pem")
    async with front(behind, good) as temporal:
        configure(temporal.address, TEMPORAL_TLS_SERVER_CA_CERT_PATH=stranger)
        unknown = await told(TemporalUnreachable)
        configure(temporal.address, TEMPORAL_TLS="true")
        unknown_here = await told(TemporalUnreachable)
        configure(temporal.address)
        plain = await told(TemporalUnreachable)
        configure(temporal.address, TEMPORAL_NAMESPACE="elsewhere", **authorities.trusted)
        namespace = await told(UnknownNamespace)
    async with front(behind, authorities.server.issue_cert("temporal.example.com")) as temporal:
        configure(temporal.address, **authorities.trusted)
        misnamed = await told(TemporalUnreachable)
        configure(temporal.address, TEMPORAL_TLS_SERVER_NAME="temporal.example.com", **authorities.trusted)
        await Jobs.connect()
    async with front(behind, expired(authorities.server, HOST)) as temporal:
        configure(temporal.address, **authorities.trusted)
        old = await told(TemporalUnreachable)

    assert "authority that we do not know" in unknown
    assert "TEMPORAL_TLS_SERVER_CA_CERT_PATH" in unknown
    assert unknown_here == unknown
    assert "TEMPORAL_TLS=true" in plain
    assert "another name (temporal.example.com)" in misnamed
    assert "TEMPORAL_TLS_SERVER_NAME" in misnamed
    assert "has expired" in old
    assert "TEMPORAL_NAMESPACE" in namespace


async def test_a_client_that_is_not_accepted_is_told_which_variable_to_mend(
    stack: Stack, authorities: Authorities, configure: Callable[..., None]
) -> None:
    behind, good = stack.temporal_address, authorities.server.issue_cert(HOST)
    ours = authorities.client(authorities.clients.issue_cert("worker@shop.example.com"))
    async with front(behind, good, clients=authorities.clients) as temporal:
        configure(temporal.address, **authorities.trusted, **ours)
        await Jobs.connect()
        configure(temporal.address, **authorities.trusted)
        missing = await told(TemporalUnreachable)
        for wrong in (authorities.stranger.issue_cert("x@example.com"), expired(authorities.clients, "x@example.com")):
            configure(temporal.address, **authorities.trusted, **authorities.client(wrong))
            refused = await told(TemporalUnreachable)
            assert "may not accept our client certificate" in refused
            assert "TEMPORAL_TLS_CLIENT_CERT_PATH" in refused
    async with front(behind, good, api_key=KEY) as temporal:
        configure(temporal.address, TEMPORAL_API_KEY=f"{KEY}\n", **authorities.trusted)  # as pasted
        await Jobs.connect()
        configure(temporal.address, TEMPORAL_API_KEY="an-old-key", **authorities.trusted)
        wrong_key = await told(NotAuthorised)
        configure(temporal.address, **authorities.trusted)
        no_key = await told(NotAuthorised)

    assert "may want a client certificate" in missing
    assert "TEMPORAL_TLS_CLIENT_CERT_PATH and TEMPORAL_TLS_CLIENT_KEY_PATH" in missing
    assert "wrong, revoked or expired: set TEMPORAL_API_KEY" in wrong_key
    assert "an-old-key" not in wrong_key
    assert "Set TEMPORAL_API_KEY" in no_key


async def test_a_key_that_has_expired_or_has_no_right_is_told_with_what_to_do(
    stack: Stack,
    authorities: Authorities,
    configure: Callable[..., None],
    environment: dict[str, str],
    database: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    async with front(stack.temporal_address, authorities.server.issue_cert(HOST), api_key=KEY) as temporal:
        variables = {**authorities.trusted, "TEMPORAL_API_KEY": KEY, "TEMPORAL_NAMESPACE": "shop.a1b2c"}
        configure(temporal.address, **variables)
        temporal.refusal = EXPIRED
        expired_key = await told(NotAuthorised)
        late = Jobs(await connect(lazy=True))
        with pytest.raises(NotAuthorised, match="wrong, revoked or expired: set TEMPORAL_API_KEY to a new one"):
            await late.start(OrderConfirmationRequest, order_id=1)
        app = make_app(ApiSettings(), database=settings_of(database), client=late.client)
        async with serving(app) as address, client_of(address, "none") as http, asyncio.timeout(30):
            while (await http.get("/readyz")).json()["temporal"] != "away":  # noqa: ASYNC110  # it looks each two seconds
                await asyncio.sleep(0.1)
        temporal.refusal = UNREADABLE
        unreadable = await told(NotAuthorised)
        temporal.refusal = FORBIDDEN
        everywhere = environment | variables | {"TEMPORAL_ADDRESS": temporal.address, "WORKER_STARTUP_WAIT": "1"}
        forbidden, command, (status, log, _) = await asyncio.gather(
            told(NotAuthorised),
            CommandLine(everywhere)("start", "order-confirmation", "--order-id", 1),
            output_of(everywhere),
        )

    for said in (expired_key, unreadable):
        assert "wrong, revoked or expired: set TEMPORAL_API_KEY to a new one" in said
        assert "restart" in said
    assert expired_key in caplog.text  # why the HTTP interface tells that Temporal is away
    assert "in namespace 'shop.a1b2c' (caller has insufficient permissions for namespace 'shop.a1b2c')" in forbidden
    assert "Correct TEMPORAL_NAMESPACE" in forbidden
    assert "grant the owner of TEMPORAL_API_KEY the permission to write" in forbidden
    assert "set TEMPORAL_API_KEY to a new one" in forbidden
    assert (command.status, forbidden in command.err) == (1, True)
    assert status == 1
    assert [line["message"] for line in map(json.loads, log.splitlines()) if line["level"] == "error"] == [
        f"Gave up after 1 s (WORKER_STARTUP_WAIT): {forbidden}"
    ]
    assert KEY not in forbidden + command.out + command.err + log + caplog.text


async def test_files_that_cannot_be_used_are_told_by_their_variables(
    stack: Stack, authorities: Authorities, configure: Callable[..., None], tmp_path: Path
) -> None:
    (tmp_path / "text.key").write_text("not a key")
    async with front(stack.temporal_address, authorities.server.issue_cert(HOST)) as temporal:
        address, trusted = temporal.address, authorities.trusted
        mine = authorities.client(authorities.clients.issue_cert("x@example.com"))
        certificate = {"TEMPORAL_TLS_CLIENT_CERT_PATH": mine["TEMPORAL_TLS_CLIENT_CERT_PATH"]}

        configure(address, TEMPORAL_TLS_SERVER_CA_CERT_PATH=str(tmp_path / "none.pem"))
        assert "See TEMPORAL_TLS_SERVER_CA_CERT_PATH" in await told(InvalidStart)
        configure(address, **trusted, **certificate)
        assert "set TEMPORAL_TLS_CLIENT_KEY_PATH too" in await told(InvalidStart)
        configure(address, **trusted, **certificate, TEMPORAL_TLS_CLIENT_KEY_PATH=str(tmp_path / "text.key"))
        assert "must name PEM files" in await told(TemporalUnreachable)
        other = client_variables(authorities.clients.issue_cert("y@example.com"), tmp_path / "other")
        configure(address, **trusted, **certificate, TEMPORAL_TLS_CLIENT_KEY_PATH=other["TEMPORAL_TLS_CLIENT_KEY_PATH"])
        assert "do not belong together" in await told(TemporalUnreachable)
