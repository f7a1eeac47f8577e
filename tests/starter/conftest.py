"""A namespace of these tests' own on the session's stack, its command line, and workers in this process."""

from __future__ import annotations

from functools import partial
from itertools import count

import pytest
from temporalio.client import Client

from demo.stack import Stack
from starter import Jobs
from starter.setup import add_search_attributes
from tests.databases import Databases
from tests.namespaces import new_namespace
from tests.starter.commandline import CommandLine, InProcess
from tests.starter.serving import MakeNamespace, Serving, serve

_order_ids = count(1)


@pytest.fixture(scope="session")
def make_namespace(stack: Stack) -> MakeNamespace:
    """Makes namespaces in which nothing is set up; gives a client of each."""

    async def make() -> Client:
        return await new_namespace(stack)

    return make


@pytest.fixture(scope="session")
async def client(make_namespace: MakeNamespace) -> Client:
    """Of the tests' namespace, with its search attributes."""
    client = await make_namespace()
    await add_search_attributes(client)
    return client


@pytest.fixture
def jobs(client: Client, stack: Stack) -> Jobs:
    return Jobs(client, web_ui=stack.web_ui)


@pytest.fixture(scope="session")
def command_line(stack: Stack, client: Client) -> CommandLine:
    """In the tests' namespace."""
    return InProcess({**stack.environment(), "TEMPORAL_NAMESPACE": client.namespace})


@pytest.fixture
def order_id() -> int:
    """Of an order that no other test uses."""
    return next(_order_ids)


@pytest.fixture
def serving(client: Client) -> Serving:
    """A worker of the tests' namespace: `async with serving(order_id):`."""
    return partial(serve, client)


@pytest.fixture
async def empty_database(databases: Databases) -> str:
    """URL of a database without a schema, the test's own."""
    return await databases.bare("empty")
