"""The request of a payment callback, and what its steps tell the workflow."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from domain.payments import PaymentState
from domain.requests import JobRequest, ShortText


class PaymentCallbackRequest(JobRequest):
    """Bring an order up to what the provider says of its payment now, after a callback told that it changed."""

    kind = "payment-callback"

    event_id: ShortText
    payment_id: ShortText

    @property
    def business_id(self) -> str:
        """The event's id: one callback is one job, however often it is delivered."""
        return self.event_id


class Applied(BaseModel):
    """What was applied of a payment; no personal data and no card data, since it is kept in history."""

    model_config = ConfigDict(frozen=True)

    payment_id: str
    order_id: int
    state: PaymentState
    refunded: int
    """How much went back, in minor units."""
    changed: bool
    """False where the order had been brought up to this state before."""
