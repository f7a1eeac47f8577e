"""The request of a payment callback, and what its steps tell the workflow."""

from __future__ import annotations

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
