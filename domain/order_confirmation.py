"""The request of an order confirmation, and what its step tells the workflow."""

from __future__ import annotations

from typing import Literal

from domain.requests import EntityId, JobRequest
from domain.values import Value


class OrderConfirmationRequest(JobRequest):
    """Confirm an order to its customer by mail, once."""

    kind = "order-confirmation"

    order_id: EntityId


class Confirmation(Value):
    """What became of a confirmation; no personal data, since it is kept in history."""

    state: Literal["confirmed", "already-confirmed", "order-not-found", "no-address"]
    delivery_key: str
    repeated: bool = False
    """True where the ledger showed that the mail had been accepted at an earlier attempt, so that none was sent now."""
