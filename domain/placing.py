"""Placing an order: what a customer orders, and the port that takes it.

The limits keep every total within 64 bits: 100 items of 10 000 pieces at 10¹² minor units are 10¹⁸.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Protocol

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag

from domain.idempotency import Answer, Repeatable
from domain.orders import PaymentMethod
from domain.requests import EntityId
from domain.texts import CurrencyCode, EmailAddress, Locale, Name, Note
from domain.values import Value

MOST_ITEMS = 100
MOST_PIECES = 10_000
HIGHEST_PRICE = 10**12


def _whole(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


Whole = BeforeValidator(_whole)
"""Of a strict integer: 2.0 is one as JSON Schema has it, and some languages write theirs so."""


class _Given(BaseModel):
    # Strict: a number in quotes, or true, is no number.
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True)


class NewCustomer(_Given):
    """A customer to be added."""

    name: Name
    """As the customer spells it."""
    email: EmailAddress | None
    """Null where the shop has no address: no confirmation is sent then."""
    locale: Locale
    """Language and region of the customer's mails."""


class NewItem(_Given):
    """One line of an order."""

    name: Name
    """What is ordered, as the confirmation shows it."""
    quantity: Annotated[int, Field(ge=1, le=MOST_PIECES), Whole]
    """Pieces."""
    unit_price: Annotated[int, Field(ge=0, le=HIGHEST_PRICE), Whole]
    """Of one piece, in the currency's minor unit: cents for EUR, yen for JPY."""


class _NewOrder(_Given):
    currency: CurrencyCode
    """ISO 4217 code."""
    items: Annotated[list[NewItem], Field(min_length=1, max_length=MOST_ITEMS)]
    """What is ordered, in the order in which the confirmation lists it."""
    gift_note: Note | None = None
    """Printed on the confirmation."""
    payment: Annotated[PaymentMethod, Field(strict=False)]
    """`later`: on an invoice, and the order is confirmed at once. `online`: the order is confirmed once its payment is
    captured."""

    @property
    def total(self) -> int:
        """What the items cost, in minor units."""
        return sum(item.quantity * item.unit_price for item in self.items)


class OrderOfCustomer(_NewOrder):
    """An order of a customer whom the shop knows."""

    customer_id: Annotated[EntityId, Whole]
    """Id of the customer."""


class OrderOfNewCustomer(_NewOrder):
    """An order of a customer who is added with it."""

    customer: NewCustomer


TAGS = KNOWN, NEW = "known", "new"
"""The two forms, as pydantic's errors name them."""


def _whose(body: Any) -> str | None:
    if not isinstance(body, dict):
        return None
    match "customer_id" in body, "customer" in body:
        case True, False:
            return KNOWN
        case False, True:
            return NEW
        case _:
            return None


NewOrder = Annotated[
    Annotated[OrderOfCustomer, Tag(KNOWN)] | Annotated[OrderOfNewCustomer, Tag(NEW)],
    Discriminator(
        _whose,
        custom_error_type="customer",
        custom_error_message="must have either customer_id, of a customer who is there, or customer, to be added",
    ),
]
"""What a customer orders."""


class Placed(Value):
    """An order that was placed just now."""

    id: int
    customer_id: int
    currency: str
    total: int
    payment: PaymentMethod


class UnknownCustomer(Exception):
    """There is no customer with this id; nothing was placed."""


class OrderDesk(Protocol):
    """Takes orders."""

    async def place(
        self,
        order: OrderOfCustomer | OrderOfNewCustomer,
        answer: Callable[[Placed], Answer],
        repeatable: Repeatable | None,
    ) -> Answer:
        """Place the order, enqueue its confirmation where it is paid later, and keep the answer: all or nothing.

        A request that was answered before, and is repeatable, gets that answer again. Raises UnknownCustomer,
        KeyReused, StillAtWork; OutcomeUnknown where the connection broke at the commit.
        """
        ...
