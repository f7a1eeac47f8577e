"""Order confirmation: fetch, check, execute, mark."""

from __future__ import annotations

from temporalio import workflow

from activities.order_confirmation import OrderConfirmationActivities as Activities
from domain.order_confirmation import OrderConfirmationRequest
from domain.outcomes import Done, Outcome, Skipped
from workflows import steps


@workflow.defn(name="OrderConfirmation")
class OrderConfirmation:
    """Confirms an order to its customer by mail, once."""

    @workflow.run
    async def run(self, request: OrderConfirmationRequest) -> Outcome:
        """Fetch the order, check it, send the mail, mark the order: one step, tried as its policy says."""
        confirmation = await steps.run(Activities.confirm, request)

        match confirmation.state:
            case "confirmed":
                return Done(reference=confirmation.delivery_key)
            case "order-not-found":
                workflow.logger.warning("Order not found, skipping", extra=request.ids)
                return Skipped(reason="order-not-found")
            case reason:
                workflow.logger.info("Nothing to confirm, skipping", extra=request.ids)
                return Skipped(reason=reason)
