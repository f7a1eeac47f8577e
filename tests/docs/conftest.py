"""A namespace for what the documentation starts, and an order that it starts it for."""

from __future__ import annotations

import uuid

import pytest
from google.protobuf.duration_pb2 import Duration
from pydantic import SecretStr
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import Client

from adapters.db.engine import make_engine
from adapters.db.orders import SqlOrders
from adapters.settings import DatabaseSettings
from demo.stack import Stack
from starter.setup import add_search_attributes
from tests.docs.house import clean_environment
from tests.fakes import an_order
from workflows.data_converter import data_converter


@pytest.fixture
async def client(stack: Stack) -> Client:
    """Of the test's own namespace, which is set up."""
    name = f"docs-{uuid.uuid4().hex[:8]}"
    client = await Client.connect(stack.temporal_address, namespace=name, data_converter=data_converter)
    await client.workflow_service.register_namespace(
        RegisterNamespaceRequest(namespace=name, workflow_execution_retention_period=Duration(seconds=86_400))
    )
    await add_search_attributes(client)
    return client


@pytest.fixture
async def environment(stack: Stack, client: Client, database: str) -> dict[str, str]:
    """Variables of commands and workers; the database holds the order 1042."""
    engine = make_engine(DatabaseSettings(url=SecretStr(database)), pooled=False)
    await SqlOrders(engine).add_all([an_order(1042)])
    await engine.dispose()
    return {
        **clean_environment(),
        **stack.environment(),
        "TEMPORAL_NAMESPACE": client.namespace,
        "DATABASE_URL": database,
        "WORKER_HTTP_PORT": "0",
    }
