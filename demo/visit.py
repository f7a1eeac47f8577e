"""What one visit to the guided tour is about: orders to place, and orders that are there and were never confirmed.

Jobs, mails and customers outlive the demo. So that each visit has its own, the customers of a later one have the
number of the visit in their addresses, and its prepared orders are fresh copies of the data set's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.db.orders import SqlOrders
from demo.data.shop import TOUR, order, orders
from domain.order_confirmation import OrderConfirmationRequest
from domain.orders import Order, PaymentMethod
from domain.placing import NewCustomer, NewItem, OrderOfCustomer, OrderOfNewCustomer
from starter import JobNotFound, Jobs

BATCH = 300

_STORIES = (TOUR.delivered, TOUR.retried, TOUR.refused, TOUR.confirmed, TOUR.no_address, TOUR.twice)
_PREPARED = (TOUR.confirmed, TOUR.no_address)


@dataclass(frozen=True)
class Visit:
    """What the stations work on."""

    number: int
    """Of an order that does not exist. Tells this visit from others."""
    first: bool
    """Whether nobody was here before."""
    confirmed: Order
    no_address: Order
    to_try: Order
    """For the visitor, who may confirm it afterwards."""

    def order_as(
        self, number: int, payment: PaymentMethod = PaymentMethod.later, *, tag: str = ""
    ) -> OrderOfNewCustomer:
        """What the order of this number in the data set was, to be placed by a customer of this visit's own.

        `tag` goes into the customer's address: whoever has others' mails there too needs one.
        """
        template = order(number)
        buyer = template.customer
        return OrderOfNewCustomer(
            customer=NewCustomer(name=buyer.name, email=self._own(buyer.email, tag), locale=buyer.locale),
            currency=template.currency,
            items=_items(template),
            gift_note=template.gift_note,
            payment=payment,
        )

    def batch(self) -> list[OrderOfCustomer]:
        """Many orders, by the customers of the data set."""
        return [
            OrderOfCustomer(
                customer_id=one.customer.id,
                currency=one.currency,
                items=_items(one),
                gift_note=one.gift_note,
                payment=PaymentMethod.later,
            )
            for one in _others()[:BATCH]
        ]

    def _own(self, address: str | None, tag: str) -> str | None:
        """The address, in later visits with one more tag: the inbox counts refusals by address."""
        if address is None:
            return None
        name, _, domain = address.rpartition("@")
        return "+".join(filter(None, (name, tag, "" if self.first else f"visit{self.number}"))) + f"@{domain}"


async def prepare(engine: AsyncEngine, jobs: Jobs) -> Visit:
    """Find the data set's orders untouched, or add copies. Raises `JobError`s and `StarterError`s."""
    shop = SqlOrders(engine)
    templates = [*(order(number) for number in _PREPARED), _others()[-1]]
    if await _is_first(engine, jobs):
        number, prepared = TOUR.unknown, templates
    else:
        ids = await _fresh(engine, len(templates) + 1)
        # A number that was given out, but whose order was never placed.
        number = ids.pop()
        now = datetime.now(UTC)
        prepared = [_copy(template, id_, now) for template, id_ in zip(templates, ids, strict=True)]
        await shop.add_all(prepared)
    confirmed, no_address, to_try = prepared
    return Visit(number=number, first=number == TOUR.unknown, confirmed=confirmed, no_address=no_address, to_try=to_try)


def _others() -> list[Order]:
    return [one for one in orders() if one.id not in _STORIES]


def _items(template: Order) -> list[NewItem]:
    return [NewItem(**item.model_dump()) for item in template.items]


async def _is_first(engine: AsyncEngine, jobs: Jobs) -> bool:
    """Whether the shop has the data set's orders alone, and those that the tour needs have no jobs yet."""
    async with engine.connect() as connection:
        last = (await connection.execute(text("SELECT max(id) FROM orders"))).scalar_one()
    if last != orders()[-1].id:
        return False
    for number in (*_PREPARED, TOUR.unknown):
        try:
            await jobs.of(OrderConfirmationRequest(order_id=number)).status()
        except JobNotFound:
            continue
        return False
    return True


async def _fresh(engine: AsyncEngine, count: int) -> list[int]:
    """Order numbers that the database gives out once."""
    statement = text("SELECT nextval(pg_get_serial_sequence('orders', 'id')) FROM generate_series(1, :count)")
    async with engine.begin() as connection:
        return list((await connection.execute(statement, {"count": count})).scalars())


def _copy(template: Order, number: int, now: datetime) -> Order:
    sent_at = now if template.confirmation_sent_at else None
    return template.model_copy(update={"id": number, "placed_at": now, "confirmation_sent_at": sent_at})
