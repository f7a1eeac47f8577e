"""The shop's orders in PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any

from sqlalchemy import JSON, BigInteger, Table, bindparam, func, select, text, update
from sqlalchemy.dialects.postgresql import aggregate_order_by, insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from adapters.db.errors import translated
from adapters.db.statements import Statements
from adapters.db.tables import customers, order_items, orders
from domain.orders import Customer, Order, OrderItem

_BATCH = 1000
"""Orders that are added in one transaction."""

_ID: Any = bindparam("order_id", type_=BigInteger)

_ITEMS = (
    select(
        func.json_agg(
            aggregate_order_by(
                func.json_build_array(order_items.c.name, order_items.c.quantity, order_items.c.unit_price),
                order_items.c.position,
            ),
            type_=JSON,
        )
    )
    .where(order_items.c.order_id == orders.c.id)
    .scalar_subquery()
)
_GET = (
    select(
        orders,
        customers.c.name,
        customers.c.email,
        customers.c.locale,
        _ITEMS.label("items"),
    )
    .join_from(orders, customers)
    .where(orders.c.id == _ID)
)

_MARK = (
    update(orders)
    .where(orders.c.id == _ID, orders.c.confirmation_sent_at.is_(None))
    .values(confirmation_sent_at=func.now())
    .returning(orders.c.id)
)


class SqlOrders:
    """Implements `domain.ports.OrderRepository`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._statements = Statements(engine)

    async def get(self, order_id: int) -> Order | None:
        """Load the order with its customer and items, all as of one moment; None where there is none."""
        rows = await self._statements.rows(_GET, order_id=order_id)
        if not rows:
            return None
        row = rows[0]
        with translated():
            return Order(
                id=row.id,
                customer=Customer(id=row.customer_id, name=row.name, email=row.email, locale=row.locale),
                currency=row.currency,
                total=row.total,
                items=tuple(
                    OrderItem(name=name, quantity=quantity, unit_price=unit_price)
                    for name, quantity, unit_price in row.items or ()
                ),
                gift_note=row.gift_note,
                payment=row.payment,
                placed_at=row.placed_at,
                paid_at=row.paid_at,
                confirmation_sent_at=row.confirmation_sent_at,
            )

    async def mark_confirmed(self, order_id: int) -> bool:
        """Set the time of the confirmation where it isn't set; tell whether this call set it.

        Where the connection breaks after PostgreSQL has set it, this may say False although this call did.
        """
        return bool(await self._statements.rows(_MARK, order_id=order_id))

    async def add_all(self, new: Iterable[Order]) -> int:
        """Add orders with their customers and items under the ids that they bring; returns how many were added.

        An order or a customer whose id is there already stays as it is. A thousand are added at a time: what was added
        before an error stays, and the same call can be made again. Raises `InvalidRequest` for what breaks a rule.
        """
        added = 0
        remaining = iter(new)
        while batch := list(islice(remaining, _BATCH)):
            with translated():
                async with self._engine.begin() as connection:
                    added += await _add(connection, batch)
        return added


async def _add(connection: AsyncConnection, batch: list[Order]) -> int:
    # In the order of their ids, so that two who add the same rows wait for each other instead of in a circle.
    by_id = {order.id: order for order in sorted(batch, key=lambda order: order.id)}
    buyers = sorted({order.customer for order in batch}, key=lambda customer: customer.id)
    await _insert(connection, customers, [customer.model_dump() for customer in buyers])
    added = await _insert(
        connection,
        orders,
        [
            order.model_dump(exclude={"customer", "items"}) | {"customer_id": order.customer.id}
            for order in by_id.values()
        ],
    )
    items = [
        {"order_id": id_, "position": position, **item.model_dump()}
        for id_ in sorted(added)
        for position, item in enumerate(by_id[id_].items, start=1)
    ]
    if items:
        await connection.execute(insert(order_items), items)
    for table in (customers, orders):
        await connection.execute(_skip_taken_ids(table))
    return len(added)


async def _insert(connection: AsyncConnection, table: Table, rows: list[dict[str, Any]]) -> list[int]:
    """Add what isn't there yet; returns the ids of what was added."""
    statement = insert(table).on_conflict_do_nothing(index_elements=["id"]).returning(table.c.id)
    return list((await connection.execute(statement, rows)).scalars())


def _skip_taken_ids(table: Table) -> Any:
    """Ids that were brought along don't advance the counter, which would give them out again."""
    counter = f"{table.name}_id_seq"
    return text(
        f"SELECT setval('{counter}', top) FROM (SELECT max(id) AS top FROM {table.name}), {counter} "  # noqa: S608  our own table's name
        "WHERE top > last_value OR NOT is_called AND top >= last_value"
    )
