"""An order confirmation as Temporal's Python samples would write it: three regular activities, one after the other."""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    from benchmarks.plain_activities import PlainActivities

RETRY = RetryPolicy(initial_interval=timedelta(seconds=5), maximum_attempts=4)
LIMIT = timedelta(seconds=60)


@workflow.defn
class PlainOrderConfirmation:
    """Fetch, send, mark."""

    @workflow.run
    async def run(self, order_id: int) -> str:
        """Confirm one order."""
        state = await workflow.execute_activity_method(
            PlainActivities.fetch_order, order_id, start_to_close_timeout=LIMIT, retry_policy=RETRY
        )
        if state != "to-confirm":
            return state
        await workflow.execute_activity_method(
            PlainActivities.send_mail, order_id, start_to_close_timeout=LIMIT, retry_policy=RETRY
        )
        await workflow.execute_activity_method(
            PlainActivities.mark_sent, order_id, start_to_close_timeout=LIMIT, retry_policy=RETRY
        )
        return "sent"
