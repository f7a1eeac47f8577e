"""Payment callback: fetch the payment's present state, and apply it to its order with all that follows."""

from __future__ import annotations

from temporalio import workflow

from activities.payment_callback import PaymentCallbackActivities as Activities
from domain.outcomes import Declined, Done, Outcome, Skipped
from domain.payment_callback import PaymentCallbackRequest
from domain.payments import PaymentState
from workflows import steps


@workflow.defn(name="PaymentCallback")
class PaymentCallback:
    """Brings an order up to what the provider says of its payment now."""

    @workflow.run
    async def run(self, request: PaymentCallbackRequest) -> Outcome:
        """Fetch, check, apply: one step, tried as its policy says.

        What follows (the order's confirmation, the mail about a payment that failed or went back) is enqueued in the
        transaction that applies the state, as jobs of their own.
        """
        applied = await steps.run(Activities.apply, request)

        match applied.state:
            case PaymentState.declined:
                return Declined(reason="payment-declined")
            case PaymentState.cancelled:
                return Declined(reason="payment-cancelled")
            case PaymentState.pending | PaymentState.authorised:
                return Skipped(reason="payment-not-decided-yet")
            case _:
                return Done(reference=f"{applied.payment_id}/{applied.state}")
