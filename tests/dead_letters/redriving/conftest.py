"""A namespace of the module's own, with workers in this process and a command line."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.db.dead_letters import SqlDeadLetters
from demo.stack import Stack
from domain.dead_letters import DeadLetters
from starter.setup import add_search_attributes
from tests.dead_letters.redriving.ground import Ground, RefusingMail
from tests.dead_letters.redriving.mending import KINDS, QUEUE
from tests.fakes import FakeOrders, an_order, fake_ports
from tests.namespaces import new_namespace
from tests.outbox.processes import FULL
from tests.starter.commandline import CommandLine
from workflows.hosting import job_worker
from workflows.registry import registry

ORDERS = 3000


@pytest.fixture(scope="module")
async def ground(stack: Stack, engine: AsyncEngine) -> AsyncIterator[Ground]:
    client = await new_namespace(stack)
    await add_search_attributes(client)
    letters = SqlDeadLetters(engine, alert_window=timedelta(seconds=5))
    mail = RefusingMail()
    orders = FakeOrders(*(an_order(order_id) for order_id in range(1, ORDERS + 1)))
    ports = {**fake_ports(orders, mail=mail), DeadLetters: letters}
    environment = {
        **stack.environment(),
        "TEMPORAL_NAMESPACE": client.namespace,
        "DATABASE_URL": stack.postgres.url_of(str(engine.url.database)),
    }
    async with AsyncExitStack() as workers:
        for queue, kinds in ((QUEUE, KINDS), ("notifications", registry)):
            worker = job_worker(client, queue, kinds, ports, drain=timedelta(), sandbox=False, draw=min)
            await workers.enter_async_context(worker)
        yield Ground(client, letters, CommandLine(environment, within=600 if FULL else 60), mail)
