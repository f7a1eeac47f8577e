"""This project's worker in the process of the application that starts jobs: `python -m benchmarks.embedded`.

It is how the worker's own relay starts jobs, or an application that runs a worker beside its own work: starter and
worker share a client, so that Temporal answers a start with the job's first task.
"""

import asyncio

from adapters.outside import Outside
from adapters.process import settle
from adapters.settings import Settings
from adapters.telemetry import logs
from adapters.telemetry.metrics import Metrics
from benchmarks.orders_to_start import start_as_told
from domain.order_confirmation import OrderConfirmationRequest
from starter import Jobs
from starter.connection import connect
from starter.worker_check import temporal_ports
from worker import make_workers
from workflows.registry import registry


async def main() -> None:
    """Work until the input ends."""
    settings = Settings()
    logs.configure(format=settings.worker.log_format, level=settings.worker.log_level)
    metrics = Metrics()
    client = await connect(runtime=metrics.runtime)
    jobs = Jobs(client)

    async def start(order_id: int) -> None:
        await jobs.start(OrderConfirmationRequest(order_id=order_id))

    outside = Outside(settings)
    outside.ports |= temporal_ports(lambda: client)
    workers = make_workers(client, registry.queues(), outside, settings.worker)
    settle()
    await asyncio.gather(*(worker.run() for worker in workers), start_as_told(start))


if __name__ == "__main__":
    asyncio.run(main())
