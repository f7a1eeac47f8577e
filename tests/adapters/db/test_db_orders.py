"""The shop's orders: loading, checking, marking once, adding in bulk."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.db import migrate
from adapters.db.orders import SqlOrders
from domain.errors import InvalidRequest
from domain.orders import Order


@pytest.fixture
def orders(engine: AsyncEngine) -> SqlOrders:
    return SqlOrders(engine)


async def test_an_order_comes_back_as_it_was_added(orders: SqlOrders, order: Order) -> None:
    customer = order.customer.model_copy(update={"id": order.id + 1_000_000, "email": None})
    bare = {"id": order.id + 1_000_000, "items": (), "gift_note": None, "customer": customer}
    twelve = tuple(order.items[0].model_copy(update={"name": f"Item {n}"}) for n in range(12))
    several = [
        order,
        order.model_copy(update=bare),
        order.model_copy(update={"id": order.id + 2_000_000, "items": twelve}),
    ]

    assert await orders.add_all([*several, order]) == 3
    assert [await orders.get(each.id) for each in several] == several
    assert await orders.add_all([order.model_copy(update={"total": 1, "items": order.items * 2}), order]) == 0
    assert await orders.get(order.id) == order
    assert await orders.get(2**63 - 1) is None


async def test_an_order_is_marked_once(orders: SqlOrders, order: Order) -> None:
    await orders.add_all([order])
    assert await orders.mark_confirmed(order.id) is True
    first = await orders.get(order.id)
    assert await orders.mark_confirmed(order.id) is False
    assert await orders.get(order.id) == first
    assert first is not None
    assert first.confirmation_sent_at is not None
    assert first.confirmation_sent_at.utcoffset() is not None
    assert await orders.mark_confirmed(2**63 - 1) is False


async def test_of_twenty_who_mark_at_once_one_did_it(orders: SqlOrders, order: Order) -> None:
    await orders.add_all([order])
    marked = await asyncio.gather(*(orders.mark_confirmed(order.id) for _ in range(20)))
    assert sorted(marked) == [False] * 19 + [True]


async def test_thousands_are_added_by_several_at_once(
    orders: SqlOrders, order: Order, direct: asyncpg.Connection
) -> None:
    many = [order.model_copy(update={"id": 10_000_000 + n}) for n in range(2500)]
    added = await asyncio.gather(orders.add_all(many), orders.add_all(reversed(many)), orders.add_all(iter(many)))
    assert sum(added) == 2500
    count = "SELECT count(*) FROM order_items WHERE order_id BETWEEN 10000000 AND 10002499"
    assert await direct.fetchval(count) == 5000


async def test_an_order_that_breaks_a_rule_takes_none_of_its_batch_along(orders: SqlOrders, order: Order) -> None:
    broken = order.model_copy(update={"id": order.id + 5_000_000, "currency": "eur"})
    with pytest.raises(InvalidRequest, match="ck_orders_currency_shape"):
        await orders.add_all([order, broken])
    assert await orders.get(order.id) is None


async def test_ids_that_were_brought_along_are_not_given_out_again(
    orders: SqlOrders, order: Order, direct: asyncpg.Connection
) -> None:
    brought = order.model_copy(
        update={"id": 20_000_000, "customer": order.customer.model_copy(update={"id": 30_000_000})}
    )
    await orders.add_all([brought])
    given = await direct.fetchrow(
        "WITH buyer AS (INSERT INTO customers (name, locale) VALUES ('Ada', 'en') RETURNING id) "
        "INSERT INTO orders (customer_id, currency, total) SELECT id, 'EUR', 1 FROM buyer RETURNING customer_id, id"
    )
    assert given["customer_id"] > 30_000_000
    assert given["id"] > 20_000_000
    await orders.add_all([order])  # smaller ids: the counters don't go back
    assert await direct.fetchval("SELECT nextval('orders_id_seq')") > given["id"]


async def test_the_very_first_id_is_not_given_out_again_either(
    make_database: Callable[[str], Awaitable[str]], engine_to: Callable[..., AsyncEngine], order: Order
) -> None:
    url = await make_database("first")
    await migrate.upgrade(url)
    customer = order.customer.model_copy(update={"id": 1})
    await SqlOrders(engine_to(url)).add_all([order.model_copy(update={"id": 1, "customer": customer})])
    connection = await asyncpg.connect(url)
    id_ = await connection.fetchval("INSERT INTO customers (name, locale) VALUES ('Ada', 'en') RETURNING id")
    await connection.close()
    assert id_ == 2


async def test_an_order_that_does_not_fit_the_domain_is_refused_without_its_values(
    orders: SqlOrders, order: Order, direct: asyncpg.Connection
) -> None:
    await orders.add_all([order])
    await direct.execute("ALTER TABLE orders DROP CONSTRAINT ck_orders_total_not_negative")
    await direct.execute("UPDATE orders SET total = -77 WHERE id = $1", order.id)
    try:
        with pytest.raises(InvalidRequest, match=r"does not fit Order: total") as caught:
            await orders.get(order.id)
    finally:
        await direct.execute("UPDATE orders SET total = 0 WHERE id = $1", order.id)
        await direct.execute("ALTER TABLE orders ADD CONSTRAINT ck_orders_total_not_negative CHECK (total >= 0)")
    assert "77" not in str(caught.value)
