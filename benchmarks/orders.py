"""Orders to confirm, which a benchmark places in the shop's database as an application would."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from itertools import count

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from adapters.db.tables import customers, order_items, orders
from domain.order_confirmation import OrderConfirmationRequest
from starter import outbox

_ITEMS = (("Coffee beans, 1 kg", 2, 1890), ("Filter papers", 1, 349), ("Mug, blue", 4, 1200))


class Orders:
    """Places orders, and tells when they are confirmed. Their ids count up; each has a customer of the same id."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._ids = count(1)
        self.committed: dict[int, int] = {}
        """Order → time at which its transaction's commit returned, in nanoseconds since the epoch."""

    async def place(self, number: int, *, enqueue: bool = False) -> list[int]:
        """Place orders in one transaction, with their confirmations enqueued in it where told to; returns their ids."""
        ids = self.new_ids(number)
        async with AsyncSession(self._engine) as session:
            await session.execute(
                insert(customers),
                # The address tells the mail sink which order it is.
                [{"id": i, "name": f"Customer {i}", "email": f"{i}@example.com", "locale": "en_GB"} for i in ids],
            )
            now = datetime.now(UTC)
            await session.execute(
                insert(orders),
                [{"id": i, "customer_id": i, "currency": "EUR", "total": 8929, "placed_at": now} for i in ids],
            )
            await session.execute(
                insert(order_items),
                [
                    {"order_id": i, "position": position, "name": name, "quantity": quantity, "unit_price": price}
                    for i in ids
                    for position, (name, quantity, price) in enumerate(_ITEMS, start=1)
                ],
            )
            if enqueue:
                outbox.enqueue_all(session, (OrderConfirmationRequest(order_id=i) for i in ids))
            await session.commit()
            self.committed |= dict.fromkeys(ids, time.time_ns())
        return ids

    def new_ids(self, number: int) -> list[int]:
        """Ids that no order has."""
        return [next(self._ids) for _ in range(number)]

    async def confirmed(self, ids: list[int], within: float = 120) -> None:
        """Wait until the orders are marked as confirmed. Raises TimeoutError after `within` seconds."""
        open_orders = select(func.count()).where(
            orders.c.id.between(ids[0], ids[-1]), orders.c.confirmation_sent_at.is_(None)
        )
        async with asyncio.timeout(within), self._engine.connect() as connection:
            while await connection.scalar(open_orders):
                await connection.rollback()
                await asyncio.sleep(0.02)
