"""Payments as the provider knows them, and which state may follow which."""

from __future__ import annotations

from enum import StrEnum
from functools import cache
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from domain.orders import Currency, MinorUnits
from domain.requests import ShortText


class PaymentState(StrEnum):
    """Where a payment stands."""

    pending = "pending"
    """Nothing is decided: the customer, or the bank, has still to act."""
    authorised = "authorised"
    """The amount is reserved, and not ours yet."""
    captured = "captured"
    """The money is ours."""
    declined = "declined"
    """The last attempt to pay failed. The customer may try again."""
    cancelled = "cancelled"
    """Given up before any money came."""
    partially_refunded = "partially-refunded"
    refunded = "refunded"
    """The whole amount went back."""
    disputed = "disputed"
    """The customer's bank asks for the money back."""


_S = PaymentState

NEXT: dict[PaymentState, frozenset[PaymentState]] = {
    _S.pending: frozenset({_S.authorised, _S.captured, _S.declined, _S.cancelled}),
    _S.authorised: frozenset({_S.captured, _S.declined, _S.cancelled}),
    # Another card, another try.
    _S.declined: frozenset({_S.pending, _S.authorised, _S.captured, _S.cancelled}),
    _S.cancelled: frozenset(),
    _S.captured: frozenset({_S.partially_refunded, _S.refunded, _S.disputed}),
    # A refund that the customer's bank sends back makes the money ours again.
    _S.partially_refunded: frozenset({_S.refunded, _S.disputed, _S.captured}),
    _S.refunded: frozenset({_S.captured, _S.partially_refunded}),
    # Won, or lost.
    _S.disputed: frozenset({_S.captured, _S.partially_refunded, _S.refunded}),
}
"""The state machine: state → those that may come directly after it."""

PAID = frozenset({_S.captured, _S.partially_refunded, _S.disputed})
"""States in which the money came and has not gone back as a whole. We may never see a payment captured: it can be in
one of the others by the time we hear of it."""


@cache
def reachable(state: PaymentState) -> frozenset[PaymentState]:
    """All states that a payment may be found in later: we need not have seen those in between."""
    found: set[PaymentState] = set()
    ahead = set(NEXT[state])
    while ahead:
        found |= ahead
        ahead = {after for known in ahead for after in NEXT[known]} - found
    return frozenset(found)


class Payment(BaseModel):
    """A payment's present state, as the provider tells it. No card data."""

    model_config = ConfigDict(frozen=True)

    id: ShortText
    """The provider's."""
    order_id: int | None
    """The order that it is for, as we told the provider when it was made; None where the provider was not told."""
    state: PaymentState
    amount: MinorUnits
    currency: Currency
    refunded: Annotated[int, Field(ge=0)] = 0
    """How much of the amount went back, in minor units."""
