"""Payments as the provider knows them, and which state may follow which."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Annotated, Protocol

from pydantic import Field

from domain.orders import Currency, MinorUnits
from domain.requests import JobRequest, ShortText
from domain.values import Value


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


class Payment(Value):
    """A payment's present state, as the provider tells it. No card data."""

    id: ShortText
    """The provider's."""
    order_id: int | None
    """The order that it is for, as we told the provider when it was made; None where the provider was not told."""
    state: PaymentState
    amount: MinorUnits
    currency: Currency
    refunded: Annotated[int, Field(ge=0)] = 0
    """How much of the amount went back, in minor units."""


@dataclass(frozen=True)
class Known:
    """What we know of a payment."""

    version: int
    """How often it was applied; 0 where we never heard of it."""
    state: PaymentState | None
    refunded: int
    """In minor units."""
    order_id: int | None

    def applied(self, payment_id: str) -> Applied:
        """What somebody else has applied last. Raises ValueError where nothing was."""
        if self.state is None or self.order_id is None:
            raise ValueError("nothing was applied")
        return Applied(
            payment_id=payment_id, order_id=self.order_id, state=self.state, refunded=self.refunded, changed=False
        )


class VersionChanged(Exception):
    """The payment was applied by somebody else since its version was read: what was fetched may be older."""


class Applied(Value):
    """What was applied of a payment; no personal data and no card data, since it is kept in history."""

    payment_id: str
    order_id: int
    state: PaymentState
    refunded: int
    """How much went back, in minor units."""
    changed: bool
    """False where the order had been brought up to this state before."""


class PaymentProvider(Protocol):
    """The provider's API: what it says now is the truth, whatever a callback said.

    Each call may raise `RateLimited` and `ServiceUnavailable` (both with `retry_after` where the provider tells it),
    `NetworkTimeout`, `ConnectionBroken` (transient); `AuthenticationFailed`, `PermissionDenied`, `InvalidRequest`,
    `NotFound` (permanent).
    """

    async def get(self, payment_id: str) -> Payment:
        """Fetch a payment. Raises NotFound where the provider does not know it."""
        ...

    def changed_since(self, moment: datetime) -> AsyncIterator[Payment]:
        """All payments that changed at or after a moment, each in its present state; oldest change first."""
        ...


class PaymentStore(Protocol):
    """The payments of our orders, as far as they were applied. Each call may raise a `TransientError`."""

    async def known(self, payment_id: str) -> Known:
        """What we know of the payment by now. Read it before you fetch."""
        ...

    async def apply(self, payment: Payment, *, version: int) -> Applied:
        """Bring the order up to the payment's state, and enqueue what follows from it, in one transaction.

        Raises VersionChanged where it has another version by now; Conflict, with nothing applied, where the payment
        names no order or one that is not there, differs from it in amount or currency, or cannot have come to this
        state from the one that we know.
        """
        ...


class Turn(Protocol):
    """A reconciliation that is alone."""

    @property
    def since(self) -> datetime:
        """From where to ask."""
        ...

    async def enqueue(self, request: JobRequest) -> None:
        """Enqueue a job at once; the same one again is one job."""
        ...

    async def reached(self, moment: datetime) -> None:
        """Keep how far the provider was asked; never goes back."""
        ...


class Reconciliations(Protocol):
    """How far the provider was asked for changes."""

    def alone(self, up_to: datetime) -> AbstractAsyncContextManager[Turn | None]:
        """Enter alone, or get None where another one is inside, in whatever process."""
        ...
