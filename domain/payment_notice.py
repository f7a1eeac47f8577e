"""The request of a mail about a payment, and what its step tells the workflow."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from domain.payments import Payment, PaymentState
from domain.requests import JobRequest, ShortText
from domain.values import Value

Told = Literal["declined", "refunded", "partially-refunded"]
"""States of a payment that its customer is told of. Of a captured one the order's confirmation tells."""


class PaymentNoticeRequest(JobRequest):
    """Tell a customer by mail that a payment failed or went back, once."""

    kind = "payment-notice"

    payment_id: ShortText
    state: Told
    refunded: Annotated[int, Field(ge=0, le=2**63 - 1)]
    """How much went back by then, in minor units: each further part is told of."""
    version: Annotated[int, Field(ge=1, le=2**63 - 1)]
    """The payment's, when it came to this state. One that failed, was tried again before anybody was told, and failed
    again, asks for another job."""

    @property
    def delivery_key(self) -> str:
        """One mail for the payment, its state and what went back, however often it came to that."""
        return f"{self.kind}/{self.payment_id}/{self.state}/{self.refunded}"


class Notice(Value):
    """What became of the mail; no personal data, since it is kept in history."""

    state: Literal["told", "payment-moved-on", "no-address", "payment-not-found"]
    delivery_key: str


def notice_of(payment: Payment, *, version: int) -> PaymentNoticeRequest | None:
    """The mail that a payment's state asks for; None where the customer hears nothing of it.

    `version` is the one that the payment has with this state.
    """
    told: Told
    match payment.state:
        case PaymentState.declined:
            told = "declined"
        case PaymentState.refunded:
            told = "refunded"
        case PaymentState.partially_refunded:
            told = "partially-refunded"
        case _:
            return None
    return PaymentNoticeRequest(payment_id=payment.id, state=told, refunded=payment.refunded, version=version)
