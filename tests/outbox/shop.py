"""An application that places orders and enqueues their confirmations, and what became of them."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from collections.abc import Iterable

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from temporalio.client import Client

from adapters.db.tables import customers, orders
from adapters.db.tables import outbox as outbox_table
from domain.order_confirmation import OrderConfirmationRequest
from domain.orders import Customer
from starter import outbox

CUSTOMER = Customer(id=1, name="Ada Lovelace", email="ada@example.com", locale="en_GB")


class Shop:
    """The application's side, on a database of its own."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine

    async def open(self) -> None:
        async with self.engine.begin() as connection:
            await connection.execute(insert(customers), [CUSTOMER.model_dump()])

    async def place(self, *order_ids: int, commit: bool = True) -> None:
        """Place orders and enqueue their confirmations in one transaction."""
        async with AsyncSession(self.engine) as session:
            await add(session, order_ids)
            await (session.commit() if commit else session.rollback())

    async def placed(self) -> set[int]:
        """Ids of the orders that are there."""
        async with self.engine.connect() as connection:
            return set((await connection.execute(select(orders.c.id))).scalars())

    async def enqueued(self) -> int:
        """How many entries are in the outbox."""
        async with self.engine.connect() as connection:
            return int((await connection.execute(select(func.count()).select_from(outbox_table))).scalar_one())

    async def emptied(self, but: int = 0) -> None:
        """Return once the outbox is empty, but for so many entries."""
        async with asyncio.timeout(120):
            while await self.enqueued() > but:  # noqa: ASYNC110  # PostgreSQL has no event for it
                await asyncio.sleep(0.05)


async def add(session: AsyncSession, order_ids: Iterable[int]) -> None:
    """Add orders to a session, with their confirmations."""
    for order_id in order_ids:
        await session.execute(insert(orders).values(id=order_id, customer_id=CUSTOMER.id, currency="GBP", total=100))
        outbox.enqueue(session, OrderConfirmationRequest(order_id=order_id))


async def runs(client: Client, at_least: int) -> Counter[str]:
    """Runs of the namespace's jobs by workflow id, once there are as many and all that were started before this call.

    Alerts are left out.
    """
    last = await client.start_workflow("Marker", id=f"marker-{uuid.uuid4()}", task_queue="nowhere")
    async with asyncio.timeout(60):
        while True:
            found = {run.run_id: run async for run in client.list_workflows("")}
            others = [run.id for run in found.values() if run.workflow_type not in ("Marker", "Alert")]
            if last.result_run_id in found and len(others) >= at_least:
                return Counter(others)
            await asyncio.sleep(0.1)


def one_each(order_ids: Iterable[int]) -> Counter[str]:
    """What `runs` is to be: one of each order."""
    return Counter(f"order-confirmation/{order_id}" for order_id in order_ids)
