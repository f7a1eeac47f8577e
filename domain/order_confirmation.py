"""The request of an order confirmation, and the small facts that its steps hand to each other."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from domain.requests import EntityId, JobRequest


class OrderConfirmationRequest(JobRequest):
    """Confirm an order to its customer by mail, once."""

    order_id: EntityId


class OrderCheck(BaseModel):
    """What the workflow has to know of an order to decide; no personal data, since it is kept in history."""

    model_config = ConfigDict(frozen=True)

    state: Literal["unknown", "confirmed", "no-address", "to-confirm"]


class Sent(BaseModel):
    """The receiver's mail server accepted the mail, now or at an earlier attempt."""

    model_config = ConfigDict(frozen=True)

    delivery_key: str
    repeated: bool
    """True where the ledger showed that it had been accepted before, so that nothing was sent now."""
