"""What the payment's activities need of the outside world."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Protocol

from domain.payments import Payment


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
