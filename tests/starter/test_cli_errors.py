"""What the command line says when Temporal is away, or is not what it should be."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from demo.stack import Stack
from starter import Jobs, OrderConfirmationRequest
from tests.starter.commandline import CommandLine, InProcess
from tests.starter.serving import MakeNamespace

START = ["start", "order-confirmation", "--order-id", "1"]
COMMANDS = [START, ["status", "order-confirmation/1"], ["list"], ["cancel", "order-confirmation/1"]]


async def test_temporal_away_is_one_line_with_the_remedy(command_line: CommandLine) -> None:
    for command in COMMANDS:
        done = await command_line(*command, TEMPORAL_ADDRESS="127.0.0.1:1")

        assert (done.status, done.out) == (1, "")
        assert done.err.startswith(
            "Error: Temporal does not answer at 127.0.0.1:1. Is it running, and are TEMPORAL_ADDRESS,"
        )
        assert "Connection refused" in done.err
        assert done.err.count("\n") == 1


@pytest.mark.long
async def test_a_server_that_accepts_and_stays_silent_is_given_up(command_line: CommandLine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        done = await command_line("list", "--json", TEMPORAL_ADDRESS=address)

    assert done.status == 1
    assert done.document["error"]["type"] == "TemporalUnreachable"
    assert f"Temporal does not answer at {address}" in done.err


async def test_an_unknown_namespace_is_named_with_the_remedy(command_line: CommandLine) -> None:
    for command in COMMANDS:
        done = await command_line(*command, "--json", TEMPORAL_NAMESPACE="no-such-namespace")

        assert (done.status, done.document["error"]["type"]) == (1, "UnknownNamespace")
        assert "temporal operator namespace create -n no-such-namespace" in done.err


async def test_a_namespace_that_is_not_set_up_is_named_with_the_remedy(
    command_line: CommandLine, make_namespace: MakeNamespace
) -> None:
    fresh = await make_namespace()

    for command in (START, ["list", "--order-id", "1"]):
        done = await command_line(*command, "--json", TEMPORAL_NAMESPACE=fresh.namespace)

        assert (done.status, done.document["error"]["type"]) == (1, "NotSetUp")
        assert done.err.endswith("Run `python -m starter setup`.\n")


async def test_the_connection_can_come_from_a_profile_of_the_temporal_cli(
    stack: Stack, jobs: Jobs, tmp_path: Path, order_id: int
) -> None:
    handle = await jobs.start(OrderConfirmationRequest, order_id=order_id)
    profiles = tmp_path / "temporal.toml"
    profiles.write_text(
        f'[profile.shop]\naddress = "{stack.temporal_address}"\nnamespace = "{jobs.client.namespace}"\n'
    )

    done = await InProcess({})(
        "status", handle.id, "--json", TEMPORAL_CONFIG_FILE=str(profiles), TEMPORAL_PROFILE="shop"
    )
    wrong = await InProcess({})("list", TEMPORAL_CONFIG_FILE=str(profiles), TEMPORAL_PROFILE="shopp")

    assert done.document["run_id"] == handle.run_id
    assert (wrong.status, wrong.err.count("\n")) == (1, 1)
    assert wrong.err.startswith("Error: The connection to Temporal is not configured right: ")
    assert "shopp" in wrong.err
