"""Entries whose start fails again and again, in whatever way, are in nobody's way."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, insert
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client, Interceptor, OutboundInterceptor, StartWorkflowInput, WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode

from adapters.db.outbox_relay import SqlOutbox
from adapters.db.tables import outbox as table
from starter.relay import Relay
from tests.outbox.shop import Shop, one_each, runs
from tests.outbox.test_relay import entries
from workflows.registry import registry


class ShardLost(Interceptor):
    """Temporal cannot be reached, as it seems, by whoever starts one of these jobs."""

    def __init__(self, *job_ids: str) -> None:
        self.job_ids = set(job_ids)
        self.tried: list[str] = []

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:  # noqa: A002  # the SDK's name
        return _ShardLost(next, self)


class _ShardLost(OutboundInterceptor):
    def __init__(self, following: OutboundInterceptor, lost: ShardLost) -> None:
        super().__init__(following)
        self._lost = lost

    async def start_workflow(self, input: StartWorkflowInput) -> WorkflowHandle[Any, Any]:  # noqa: A002  # the SDK's
        self._lost.tried.append(input.id)
        if input.id in self._lost.job_ids:
            raise RPCError("shard status unknown", RPCStatusCode.UNAVAILABLE, b"")
        return await super().start_workflow(input)


def without(client: Client, lost: ShardLost) -> Client:
    config = client.config(active_config=True)
    config["interceptors"] = [lost]
    return Client(**config)


@pytest.mark.parametrize("batch", [1, 25])
async def test_jobs_that_alone_meet_an_outage_hold_nobody_up_and_start_once_it_is_over(
    shop: Shop, engine: AsyncEngine, outbox: SqlOutbox, client: Client, batch: int
) -> None:
    lost = ShardLost("order-confirmation/1", "order-confirmation/2")
    await shop.place(*range(1, 31))
    one = timedelta(seconds=1)
    relay = Relay(outbox, without(client, lost), registry, patience=timedelta(), batch=batch, aside_for=one)
    running = asyncio.create_task(relay.run())

    async with asyncio.timeout(60):
        while await shop.enqueued() > 2:  # noqa: ASYNC110  # PostgreSQL has no event for it
            await asyncio.sleep(0.05)
    assert await runs(client, 28) == one_each(range(3, 31))

    lost.job_ids.clear()
    async with engine.begin() as connection:
        await connection.execute(table.update().values(retry_at=None))
    await shop.emptied()
    await relay.stop()
    await running
    assert await runs(client, 30) == one_each(range(1, 31))


async def test_thousands_that_were_put_off_leave_most_of_a_batch_to_new_ones(
    shop: Shop, engine: AsyncEngine, outbox: SqlOutbox, client: Client
) -> None:
    off = {"kind": "order-confirmation", "error_type": "NotSetUp", "error": "jobs setup"}
    async with engine.begin() as connection:
        rows = [off | {"payload": {"order_id": number}, "retry_at": func.now()} for number in range(1001, 1101)]
        for row in rows:
            await connection.execute(insert(table).values(**row))
    await shop.place(*range(1, 11))
    lost = ShardLost()
    relay = Relay(outbox, without(client, lost), registry, patience=timedelta(), batch=10)
    await relay.work_on_one_batch()

    assert {f"order-confirmation/{number}" for number in range(1, 11)} <= set(lost.tried)
    assert len(lost.tried) == 12
    assert len(await entries(engine)) == 98
