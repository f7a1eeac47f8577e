"""A namespace for each test: these tests' workers do any report of it, also one that another test left running."""

from __future__ import annotations

import pytest
from temporalio.client import Client

from demo.stack import Stack
from starter.setup import add_search_attributes
from tests.starter.commandline import CommandLine
from tests.starter.serving import MakeNamespace


@pytest.fixture
async def client(make_namespace: MakeNamespace) -> Client:
    """Of the test's own namespace, with its search attributes."""
    client = await make_namespace()
    await add_search_attributes(client)
    return client


@pytest.fixture
def command_line(stack: Stack, client: Client) -> CommandLine:
    """In the test's namespace."""
    return CommandLine({**stack.environment(), "TEMPORAL_NAMESPACE": client.namespace})
