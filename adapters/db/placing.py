"""Places orders: customer, order, items, the confirmation's job and the kept answer in one transaction."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import BigInteger, bindparam, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from adapters.db import idempotency, outbox
from adapters.db.tables import customers, order_items, orders
from domain.idempotency import Answer, Repeatable
from domain.order_confirmation import OrderConfirmationRequest
from domain.orders import PaymentMethod
from domain.placing import OrderOfCustomer, OrderOfNewCustomer, Placed, UnknownCustomer

_KNOWN = (
    select(customers.c.id)
    .where(customers.c.id == bindparam("customer_id", type_=BigInteger))
    .with_for_update(read=True, key_share=True)
)

AnyOrder = OrderOfCustomer | OrderOfNewCustomer


class SqlOrderDesk:
    """Implements `domain.placing.OrderDesk`."""

    def __init__(self, engine: AsyncEngine, *, kept: timedelta, wait: timedelta = idempotency.WAIT) -> None:
        """Share the engine's pool.

        `kept`: how long answers are given again. `wait`: how long a request waits for an earlier one with its key.
        """
        self._engine = engine
        self._kept = kept
        self._wait = wait

    async def place(self, order: AnyOrder, answer: Callable[[Placed], Answer], repeatable: Repeatable | None) -> Answer:
        """See `domain.placing.OrderDesk`."""

        async def work(connection: AsyncConnection) -> Answer:
            return answer(await _add(connection, order))

        unknown = "The connection broke at the commit: whether the order was placed is unknown."
        return await idempotency.answered(
            self._engine, repeatable, work, kept=self._kept, wait=self._wait, unknown=unknown
        )


async def _add(connection: AsyncConnection, order: AnyOrder) -> Placed:
    """Raises UnknownCustomer."""
    match order:
        case OrderOfCustomer(customer_id=customer_id):
            if (await connection.execute(_KNOWN, {"customer_id": customer_id})).one_or_none() is None:
                raise UnknownCustomer
        case OrderOfNewCustomer(customer=customer):
            added = insert(customers).values(customer.model_dump()).returning(customers.c.id)
            customer_id = (await connection.execute(added)).scalar_one()
    values = {
        "customer_id": customer_id,
        "currency": order.currency,
        "total": order.total,
        "gift_note": order.gift_note,
        "payment": str(order.payment),
    }
    order_id = (await connection.execute(insert(orders).values(values).returning(orders.c.id))).scalar_one()
    items = [
        {"order_id": order_id, "position": position, **item.model_dump()}
        for position, item in enumerate(order.items, start=1)
    ]
    await connection.execute(insert(order_items), items)
    if order.payment is PaymentMethod.later:
        await connection.execute(*outbox.statement([OrderConfirmationRequest(order_id=order_id)]))
    return Placed(
        id=order_id, customer_id=customer_id, currency=order.currency, total=order.total, payment=order.payment
    )
