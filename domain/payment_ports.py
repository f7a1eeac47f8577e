"""What the payment's activities need of the outside world."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from domain.payment_callback import Applied
from domain.payments import Payment, PaymentState
from domain.requests import JobRequest


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
