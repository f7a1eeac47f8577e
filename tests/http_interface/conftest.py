"""One server for all tests that don't mind the others, and servers of a test's own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from temporalio.client import Client

from demo.stack import Stack
from starter.setup import add_search_attributes
from tests.databases import Databases
from tests.http_interface.serving import Served, nowhere, serve
from tests.namespaces import new_namespace


@pytest.fixture(scope="session")
async def shared_client(stack: Stack) -> Client:
    client = await new_namespace(stack)
    await add_search_attributes(client)
    return client


@pytest.fixture(scope="session")
async def shared(databases: Databases, shared_client: Client) -> AsyncIterator[Served]:
    """Its database and namespace are of these tests alone, and hold what other tests have left."""
    async with serve(await databases.migrated(), shared_client) as served:
        yield served


@pytest.fixture
async def served(database: str, shared_client: Client) -> AsyncIterator[Served]:
    """A server on an empty database."""
    async with serve(database, shared_client) as served:
        yield served


@pytest.fixture
async def without_temporal(database: str) -> AsyncIterator[Served]:
    """A server on an empty database, with Temporal away."""
    async with serve(database, await nowhere()) as served:
        yield served
