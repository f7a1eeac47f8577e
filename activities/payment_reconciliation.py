"""The step of a reconciliation with the payment provider."""

from __future__ import annotations

from datetime import UTC, datetime

from temporalio import activity

from domain.payment_callback import PaymentCallbackRequest
from domain.payment_reconciliation import Reconciled
from domain.payments import PaymentProvider, PaymentStore, Reconciliations
from domain.scheduling import ScheduledRun


class PaymentReconciliationActivities:
    """What a reconciliation does to the world, behind ports."""

    def __init__(self, provider: PaymentProvider, payments: PaymentStore, reconciliations: Reconciliations) -> None:
        self._provider = provider
        self._payments = payments
        self._reconciliations = reconciliations

    @activity.defn(name="payment_reconciliation.reconcile")
    async def reconcile(self, run: ScheduledRun) -> Reconciled:
        """Can run twice: what it enqueues has ids made of what we know and what the provider says, so it is one job.

        How far it came is kept at the end alone; an attempt that fails in between begins where the last one began.
        """
        seen = missed = foreign = 0
        # Of what comes to pass from now on, not all need be told: the next one is to ask for it again.
        until = min(run.at, datetime.now(UTC))
        async with self._reconciliations.alone(until) as turn:
            if turn is None:
                return Reconciled(under_way=True)
            async for payment in self._provider.changed_since(turn.since):
                seen += 1
                known = await self._payments.known(payment.id)
                if payment.order_id is None:
                    foreign += 1
                elif (known.state, known.refunded) != (payment.state, payment.refunded):
                    missed += 1
                    # As if the callback had come: fetched and applied by the same job.
                    told = f"reconciled.{payment.id}.{known.version}.{payment.state}.{payment.refunded}"
                    await turn.enqueue(PaymentCallbackRequest(event_id=told, payment_id=payment.id))
            await turn.reached(until)
        return Reconciled(seen=seen, missed=missed, foreign=foreign)
