"""Payment notice: fetch the payment, check that it still stands so, send the mail."""

from __future__ import annotations

from temporalio import workflow

from activities.payment_notice import PaymentNoticeActivities as Activities
from domain.outcomes import Done, Outcome, Skipped
from domain.payment_notice import PaymentNoticeRequest
from workflows import steps


@workflow.defn(name="PaymentNotice")
class PaymentNotice:
    """Tells a customer by mail that a payment failed or went back, once."""

    @workflow.run
    async def run(self, request: PaymentNoticeRequest) -> Outcome:
        """Fetch, check, send: one step, tried as its policy says."""
        notice = await steps.run(Activities.tell, request)

        if notice.state == "told":
            return Done(reference=notice.delivery_key)
        workflow.logger.info("Nothing to tell, skipping", extra=request.ids)
        return Skipped(reason=notice.state)
