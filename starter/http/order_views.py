"""How an order is shown: one that was placed just now, and one as it stands."""

from __future__ import annotations

from datetime import datetime

from domain.order_confirmation import OrderConfirmationRequest
from domain.orders import Order, PaymentMethod
from starter.http.job_views import Shown


class OrderLinks(Shown):
    """Where to go on, as paths of this server."""

    self: str
    """The order."""
    job: str | None
    """The job that sends its confirmation; null where there is none yet."""


class PlacedOrder(Shown):
    """An order that was taken."""

    id: int
    """The order number."""
    customer_id: int
    currency: str
    total: int
    """What it costs, in the currency's minor unit."""
    payment: PaymentMethod
    links: OrderLinks


class Item(Shown):
    """One line of an order."""

    name: str
    quantity: int
    unit_price: int


class OrderView(PlacedOrder):
    """An order, and how it stands. Times are in UTC."""

    items: list[Item]
    gift_note: str | None
    placed_at: datetime
    paid_at: datetime | None
    """When its payment was captured."""
    confirmation_sent_at: datetime | None
    """When its confirmation was sent; null where it wasn't, so far."""


def view_of(order: Order, base: str) -> OrderView:
    """An order as it is shown; `base` is the prefix under which this server is reached."""
    # One that is paid online has a job once it is paid.
    has_job = order.payment is PaymentMethod.later or order.paid_at is not None
    return OrderView(
        id=order.id,
        customer_id=order.customer.id,
        currency=order.currency,
        total=order.total,
        payment=order.payment,
        links=links_of(order.id, base, has_job=has_job),
        items=[Item(**item.model_dump()) for item in order.items],
        gift_note=order.gift_note,
        placed_at=order.placed_at,
        paid_at=order.paid_at,
        confirmation_sent_at=order.confirmation_sent_at,
    )


def links_of(order_id: int, base: str, *, has_job: bool) -> OrderLinks:
    """Links of an order, that of its job where it has one."""
    job = OrderConfirmationRequest(order_id=order_id).workflow_id
    return OrderLinks(self=f"{base}/orders/{order_id}", job=f"{base}/jobs/{job}" if has_job else None)
