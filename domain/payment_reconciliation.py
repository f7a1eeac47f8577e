"""The request of a reconciliation with the payment provider, and what its step tells the workflow."""

from __future__ import annotations

from domain.scheduling import ScheduledRequest
from domain.values import Value


class PaymentReconciliationRequest(ScheduledRequest):
    """Ask the provider for payments that changed since the last time, up to a moment, for callbacks get lost."""

    kind = "payment-reconciliation"


class Reconciled(Value):
    """What a reconciliation has found."""

    under_way: bool = False
    """True where another one was under way, so that this one did nothing."""
    seen: int = 0
    """Payments that the provider had changed."""
    missed: int = 0
    """Those of them whose change we had not heard of: their callbacks are enqueued."""
    foreign: int = 0
    """Those that are of no order of ours."""
