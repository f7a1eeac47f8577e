"""The plain worker: `python -m benchmarks.plain`, default options throughout."""

import asyncio
import os

from temporalio.client import Client
from temporalio.worker import Worker

from adapters.db.engine import make_engine
from adapters.db.orders import SqlOrders
from adapters.email.templates import JinjaMailTemplates
from adapters.settings import Settings
from benchmarks.orders_to_start import start_as_told
from benchmarks.plain.activities import PlainActivities
from benchmarks.plain.workflow import PlainOrderConfirmation


async def main() -> None:
    """Work until the input ends."""
    settings = Settings()
    orders = SqlOrders(make_engine(settings.database))
    activities = PlainActivities(
        orders, JinjaMailTemplates(settings.mail.from_name), settings.smtp.host, settings.smtp.port
    )
    client = await Client.connect(os.environ["TEMPORAL_ADDRESS"])

    async def start(order_id: int) -> None:
        await client.start_workflow("PlainOrderConfirmation", order_id, id=f"plain-{order_id}", task_queue="plain")

    worker = Worker(
        client,
        task_queue="plain",
        workflows=[PlainOrderConfirmation],
        activities=[activities.fetch_order, activities.send_mail, activities.mark_sent],
    )
    await asyncio.gather(worker.run(), start_as_told(start))


if __name__ == "__main__":
    asyncio.run(main())
