"""The request of a reconciliation with the payment provider, and what its step tells the workflow."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict

from domain.requests import JobRequest


def _with_zone(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("say the time zone too, as in 2026-11-24T12:00:00Z")
    return moment


class PaymentReconciliationRequest(JobRequest):
    """Ask the provider for payments that changed since the last time, for callbacks get lost."""

    up_to: Annotated[datetime, AfterValidator(_with_zone)]
    """Changes up to this moment are asked for; with its time zone."""

    @property
    def business_id(self) -> str:
        """The moment, in UTC."""
        return self.up_to.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Reconciled(BaseModel):
    """What a reconciliation has found."""

    model_config = ConfigDict(frozen=True)

    under_way: bool = False
    """True where another one was under way, so that this one did nothing."""
    seen: int = 0
    """Payments that the provider had changed."""
    missed: int = 0
    """Those of them whose change we had not heard of: their callbacks are enqueued."""
    foreign: int = 0
    """Those that are of no order of ours."""
