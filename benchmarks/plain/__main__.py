"""The plain worker: `python -m benchmarks.plain`, default options throughout."""

import asyncio
import os

from temporalio.client import Client
from temporalio.worker import Worker

from adapters.db.engine import make_engine
from adapters.db.orders import SqlOrders
from adapters.email.templates import JinjaMailTemplates
from adapters.settings import Settings
from benchmarks.plain.activities import PlainActivities
from benchmarks.plain.workflow import PlainOrderConfirmation


async def main() -> None:
    """Work until killed."""
    settings = Settings()
    orders = SqlOrders(make_engine(settings.database))
    activities = PlainActivities(
        orders, JinjaMailTemplates(settings.mail.from_name), settings.smtp.host, settings.smtp.port
    )
    client = await Client.connect(os.environ["TEMPORAL_ADDRESS"])
    await Worker(
        client,
        task_queue="plain",
        workflows=[PlainOrderConfirmation],
        activities=[activities.fetch_order, activities.send_mail, activities.mark_sent],
    ).run()


if __name__ == "__main__":
    asyncio.run(main())
