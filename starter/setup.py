"""What a namespace needs before jobs can run in it: search attributes, and a retention that leaves time to redrive."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from google.protobuf.duration_pb2 import Duration
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest, UpdateNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from starter.connection import RPC_TIMEOUT, explained
from starter.errors import NotSetUp
from starter.scheduling.actual import OWNER
from workflows.interceptor import ERROR_TYPE
from workflows.registry import Registry, registry

RETENTION = timedelta(days=30)
"""How long Temporal keeps a run that has ended: the time to look at a dead letter."""


def wanted_search_attributes(kinds: Registry = registry) -> list[str]:
    """Names of the keyword search attributes that starters, workflows and our schedules have."""
    return sorted({ERROR_TYPE.name, OWNER.name, *kinds.search_attributes()})


async def missing_search_attributes(client: Client, kinds: Registry = registry) -> list[str]:
    """Names of those the namespace does not have.

    Raises NotSetUp where one is there with another type than keyword, TemporalUnreachable, NotAuthorised.
    """
    async with explained(client):
        listed = await client.operator_service.list_search_attributes(
            ListSearchAttributesRequest(namespace=client.namespace), timeout=RPC_TIMEOUT
        )
    there = dict(listed.custom_attributes)
    wanted = wanted_search_attributes(kinds)
    for name in wanted:
        if there.get(name, IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD) != IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD:
            raise NotSetUp(
                f"The search attribute {name} of namespace {client.namespace!r} is not of type Keyword. Remove it "
                f"(`temporal operator search-attribute remove --name {name}`), then run `jobs setup` again."
            )
    return [name for name in wanted if name not in there]


async def add_search_attributes(client: Client, kinds: Registry = registry) -> list[str]:
    """Add the missing ones, and wait until the server takes them; returns what was added. Can be run again.

    Raises NotSetUp where Temporal refuses (Temporal Cloud: add them by `tcld` or in its Web UI), TemporalUnreachable.
    """
    missing = await missing_search_attributes(client, kinds)
    if not missing:
        return []
    request = AddSearchAttributesRequest(namespace=client.namespace)
    for name in missing:
        request.search_attributes[name] = IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD
    try:
        await client.operator_service.add_search_attributes(request, timeout=RPC_TIMEOUT)
    except RPCError as exc:
        # Someone else who sets up at this moment has added them.
        if exc.status is not RPCStatusCode.ALREADY_EXISTS:
            raise NotSetUp(
                f"Temporal refuses to add the search attributes {', '.join(missing)} ({exc.message}). Add them as type "
                f"Keyword by hand; on Temporal Cloud in its Web UI or with `tcld namespace search-attributes add`."
            ) from exc
    for _ in range(100):
        if not await missing_search_attributes(client, kinds):
            return missing
        await asyncio.sleep(0.1)
    raise NotSetUp("Temporal took the search attributes, but does not show them after 10 s. Run `jobs setup` again.")


async def set_retention(client: Client, retention: timedelta = RETENTION) -> bool:
    """Make the namespace keep ended runs for `retention`, unless it keeps them longer; tells whether this changed it.

    Raises TemporalUnreachable, NotAuthorised (Temporal Cloud: set it in its Web UI).
    """
    async with explained(client):
        described = await client.workflow_service.describe_namespace(
            DescribeNamespaceRequest(namespace=client.namespace), timeout=RPC_TIMEOUT
        )
        if described.config.workflow_execution_retention_ttl.ToTimedelta() >= retention:
            return False
        request = UpdateNamespaceRequest(namespace=client.namespace)
        duration = Duration()
        duration.FromTimedelta(retention)
        request.config.workflow_execution_retention_ttl.CopyFrom(duration)
        await client.workflow_service.update_namespace(request, timeout=RPC_TIMEOUT)
    return True
