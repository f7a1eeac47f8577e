"""Namespaces of Temporal for single tests."""

from __future__ import annotations

import uuid

from google.protobuf.duration_pb2 import Duration
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import Client

from demo.stack import Stack
from workflows.data_converter import data_converter


async def new_namespace(stack: Stack) -> Client:
    """A namespace in which nothing is set up; a client of it."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    client = await Client.connect(stack.temporal_address, namespace=name, data_converter=data_converter)
    await client.workflow_service.register_namespace(
        RegisterNamespaceRequest(namespace=name, workflow_execution_retention_period=Duration(seconds=86_400))
    )
    return client
