"""The orders of one visit to the guided tour: the data set's at the first, at each later one fresh copies of them.

Jobs and confirmations outlive the demo, so that an order has its story once. Each copy has a customer of its own, with
the address of the original: whoever corrects that of an earlier visit changes nothing here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.db.orders import SqlOrders
from demo.data.shop import TOUR, order, orders
from domain.order_confirmation import OrderConfirmationRequest
from domain.orders import Order
from starter import JobNotFound, Jobs

BATCH = 300

_STORIES = (TOUR.delivered, TOUR.retried, TOUR.refused, TOUR.confirmed, TOUR.no_address, TOUR.twice)


@dataclass(frozen=True)
class Visit:
    """What the stations work on. Each order is there once, and its job was never started."""

    delivered: Order
    retried: Order
    refused: Order
    confirmed: Order
    no_address: Order
    twice: Order
    unknown: int
    """Number of an order that does not exist."""
    batch: tuple[Order, ...]
    to_try: Order
    """For the visitor, who may confirm it afterwards."""


async def prepare(engine: AsyncEngine, jobs: Jobs) -> Visit:
    """Find the data set's orders untouched, or place copies. Raises `JobError`s and `StarterError`s."""
    shop = SqlOrders(engine)
    others = [one for one in orders() if one.id not in _STORIES]
    batch, to_try = others[:BATCH], others[-1]
    stories = [order(number) for number in _STORIES]
    unknown = TOUR.unknown
    if not await _untouched(jobs, shop):
        own, shared = await _fresh(engine, "customers", len(stories)), [one.customer.id for one in (*batch, to_try)]
        templates = [*stories, *batch, to_try]
        ids = await _fresh(engine, "orders", len(templates) + 1)
        # A number that was given out, but whose order was never placed.
        unknown = ids.pop()
        copies = [
            _copy(template, number, customer)
            for template, number, customer in zip(templates, ids, [*own, *shared], strict=True)
        ]
        await shop.add_all(copies)
        stories, batch, to_try = copies[: len(stories)], copies[len(stories) : -1], copies[-1]
    delivered, retried, refused, confirmed, no_address, twice = stories
    return Visit(
        delivered=delivered,
        retried=retried,
        refused=refused,
        confirmed=confirmed,
        no_address=no_address,
        twice=twice,
        unknown=unknown,
        batch=tuple(batch),
        to_try=to_try,
    )


async def _untouched(jobs: Jobs, shop: SqlOrders) -> bool:
    """Whether the data set's orders still have their stories before them."""
    for number in (*_STORIES, TOUR.unknown):
        try:
            await jobs.of(OrderConfirmationRequest(order_id=number)).status()
        except JobNotFound:
            continue
        return False
    # Temporal forgets ended jobs after a while, the shop never forgets that an order is confirmed.
    open_ones = [await shop.get(number) for number in (TOUR.delivered, TOUR.retried, TOUR.twice)]
    return all(one is not None and one.confirmation_sent_at is None for one in open_ones)


async def _fresh(engine: AsyncEngine, table: str, count: int) -> list[int]:
    """Ids that the database gives out once."""
    statement = text("SELECT nextval(pg_get_serial_sequence(:table, 'id')) FROM generate_series(1, :count)")
    async with engine.begin() as connection:
        return list((await connection.execute(statement, {"table": table, "count": count})).scalars())


def _copy(template: Order, number: int, customer: int) -> Order:
    now = datetime.now(UTC)
    buyer = template.customer
    if customer != buyer.id:
        buyer = buyer.model_copy(update={"id": customer, "email": _own_address(buyer.email, number)})
    return template.model_copy(
        update={
            "id": number,
            "customer": buyer,
            "placed_at": now,
            "confirmation_sent_at": now if template.confirmation_sent_at else None,
        }
    )


def _own_address(address: str | None, number: int) -> str | None:
    """The address with the order's number as one more tag: the inbox counts refusals by address."""
    if address is None:
        return None
    name, _, domain = address.rpartition("@")
    return f"{name}+order{number}@{domain}"
