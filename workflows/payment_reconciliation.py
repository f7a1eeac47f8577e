"""Payment reconciliation: ask the provider for what changed, and enqueue callbacks for what we missed."""

from __future__ import annotations

from temporalio import workflow

from activities.payment_reconciliation import PaymentReconciliationActivities as Activities
from domain.outcomes import Done, Outcome, Skipped
from domain.payment_reconciliation import PaymentReconciliationRequest
from workflows import steps
from workflows.scheduling import scheduled_run


@workflow.defn(name="PaymentReconciliation")
class PaymentReconciliation:
    """Asks the provider for payments that changed since the last time."""

    @workflow.run
    async def run(self, request: PaymentReconciliationRequest) -> Outcome:
        """Ask, compare, enqueue: one step, and a long one where much has changed."""
        found = await steps.run_regular(Activities.reconcile, scheduled_run(request))

        if found.under_way:
            return Skipped(reason="another-reconciliation-is-under-way")
        return Done(reference=f"seen {found.seen}, missed {found.missed}, of no order {found.foreign}")
