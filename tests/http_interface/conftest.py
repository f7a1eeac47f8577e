"""One server for all tests that don't mind the others, and servers of a test's own."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

import asyncpg
import pytest
from temporalio.client import Client

from adapters.db import migrate
from demo.stack import Stack
from starter.setup import add_search_attributes
from tests.http_interface.serving import Served, nowhere, serve
from tests.namespaces import new_namespace


@pytest.fixture(scope="session")
async def shared_client(stack: Stack) -> Client:
    client = await new_namespace(stack)
    await add_search_attributes(client)
    return client


@pytest.fixture(scope="session")
async def shared(stack: Stack, shared_client: Client) -> AsyncIterator[Served]:
    """Its database and namespace are of these tests alone, and hold what other tests have left."""
    name = f"http_{uuid.uuid4().hex[:8]}"
    connection = await asyncpg.connect(stack.postgres.url_of("postgres"))
    await connection.execute(f"CREATE DATABASE {name}")
    await connection.close()
    await migrate.upgrade(stack.postgres.url_of(name))
    async with serve(stack.postgres.url_of(name), shared_client) as served:
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
