"""A process under measurement, which starts jobs and works on them: `python -m benchmarks.side ours`, or `plain`.

`ours` is how the worker's own relay starts jobs, or an application that runs a worker beside its own work: starter and
worker share a client, so that Temporal answers a start with the job's first task. `plain` has default options
throughout. Both read the orders to start jobs for from their standard input, a line each. The input's end is the
benchmark's end, however that came: the process must not outlive it.
"""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable

from temporalio.client import Client
from temporalio.worker import Worker

from adapters.db.engine import make_engine
from adapters.db.orders import SqlOrders
from adapters.email.templates import JinjaMailTemplates
from adapters.outside import Outside
from adapters.process import leave, settle
from adapters.settings import Settings
from adapters.telemetry import logs
from adapters.telemetry.metrics import Metrics
from benchmarks.plain_activities import PlainActivities
from benchmarks.plain_workflow import PlainOrderConfirmation
from domain.order_confirmation import OrderConfirmationRequest
from starter import Jobs
from starter.connection import connect
from starter.worker_check import temporal_ports
from worker import make_workers
from workflows.registry import registry

IN_FLIGHT = 50
"""Starts on the way at a time."""


async def start_as_told(start: Callable[[int], Awaitable[object]]) -> None:
    """Start a job for each order told; end the process when the input ends."""
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    gate = asyncio.Semaphore(IN_FLIGHT)

    async def one(order_id: int) -> None:
        try:
            await start(order_id)
        finally:
            gate.release()

    async with asyncio.TaskGroup() as starting:
        while line := await lines.readline():
            await gate.acquire()
            starting.create_task(one(int(line)))
    leave(0)


async def ours(settings: Settings) -> None:
    """This project's worker in the process of the application that starts jobs."""
    logs.configure(format=settings.worker.log_format, level=settings.worker.log_level)
    client = await connect(runtime=Metrics().runtime)
    jobs, outside = Jobs(client), Outside(settings)
    outside.ports |= temporal_ports(lambda: client)
    workers = make_workers(client, registry.queues(), outside, settings.worker)
    settle()
    starting = start_as_told(lambda order_id: jobs.start(OrderConfirmationRequest(order_id=order_id)))
    await asyncio.gather(*(worker.run() for worker in workers), starting)


async def plain(settings: Settings) -> None:
    """A worker as Temporal's samples have it."""
    orders, templates = SqlOrders(make_engine(settings.database)), JinjaMailTemplates(settings.mail.from_name)
    activities = PlainActivities(orders, templates, settings.smtp.host, settings.smtp.port)
    client = await Client.connect(os.environ["TEMPORAL_ADDRESS"])
    worker = Worker(
        client,
        task_queue="plain",
        workflows=[PlainOrderConfirmation],
        activities=[activities.fetch_order, activities.send_mail, activities.mark_sent],
    )
    starting = start_as_told(
        lambda order_id: client.start_workflow(
            "PlainOrderConfirmation", order_id, id=f"plain-{order_id}", task_queue="plain"
        )
    )
    await asyncio.gather(worker.run(), starting)


if __name__ == "__main__":
    asyncio.run({"ours": ours, "plain": plain}[sys.argv[1]](Settings()))
