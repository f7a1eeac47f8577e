"""Nouns of the shop: customers, orders and what they cost."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from domain.values import Value

Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
"""ISO 4217 code."""
MinorUnits = Annotated[int, Field(ge=0)]
"""An amount in the currency's smallest unit: cents for EUR, yen for JPY, fils for KWD."""


class PaymentMethod(StrEnum):
    """When an order is paid."""

    later = "later"
    """On an invoice: the order is confirmed as soon as it is placed."""
    online = "online"
    """At the payment provider: the order is confirmed once its payment is captured."""


class Customer(Value):
    """Who ordered. `locale` is a CLDR identifier such as `de_CH`; `email` is None where the shop has no address."""

    id: int
    name: str
    email: str | None
    locale: str


class OrderItem(Value):
    """One line of an order; the price is that of one piece."""

    name: str
    quantity: Annotated[int, Field(gt=0)]
    unit_price: MinorUnits


class Order(Value):
    """An order as it was placed. Its id is the order number that the customer sees."""

    id: int
    customer: Customer
    currency: Currency
    total: MinorUnits
    items: tuple[OrderItem, ...]
    gift_note: str | None
    payment: PaymentMethod = PaymentMethod.later
    placed_at: datetime
    paid_at: datetime | None = None
    confirmation_sent_at: datetime | None
