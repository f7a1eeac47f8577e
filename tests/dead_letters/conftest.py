"""A namespace and a database per module, workers in this process, and a command line."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta

import pytest
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.db.dead_letters import SqlDeadLetterRepository
from adapters.db.engine import make_engine
from adapters.settings import DatabaseSettings
from demo.stack import Stack
from domain.dead_letter_sweep import DeadLetterSweepRequest
from domain.dead_letters import DeadLetterRepository
from starter.setup import add_search_attributes
from tests.databases import Databases
from tests.dead_letters.failing import KINDS, QUEUE, REPLAYED
from tests.dead_letters.world import CountedFailedRuns, RecordingRepository, RefusingMail, World
from tests.fakes import FakeOrders, an_order, fake_ports
from tests.namespaces import new_namespace
from tests.outbox.processes import FULL
from tests.starter.commandline import CommandLine
from workflows.hosting import job_worker
from workflows.registry import registry


@pytest.fixture(scope="module")
async def engine(databases: Databases) -> AsyncIterator[AsyncEngine]:
    url = await databases.migrated()
    engine = make_engine(DatabaseSettings(url=SecretStr(url)))
    yield engine
    await engine.dispose()
    await databases.release(url)


@pytest.fixture(scope="module")
async def world(stack: Stack, engine: AsyncEngine) -> AsyncIterator[World]:
    client = await new_namespace(stack)
    await add_search_attributes(client)
    letters = SqlDeadLetterRepository(engine, alert_window=timedelta(seconds=5))
    recording, mail = RecordingRepository(letters), RefusingMail()
    requests = {kind.workflow_type: kind.request for kind in (*registry, *KINDS)}
    no_jobs = ("JobPause", registry.get(DeadLetterSweepRequest.kind).workflow_type)
    orders = FakeOrders(*(an_order(order_id) for order_id in range(1, 3001)))
    ports = {**fake_ports(orders, mail=mail), DeadLetterRepository: recording}
    environment = {
        **stack.environment(),
        "TEMPORAL_NAMESPACE": client.namespace,
        "DATABASE_URL": stack.postgres.url_of(str(engine.url.database)),
    }
    [failing] = KINDS
    replayed = replace(failing, queue=REPLAYED)
    async with AsyncExitStack() as workers:
        for queue, kinds, cached in (
            (QUEUE, [failing], 1000),
            # What continues there is replayed, as after a deployment.
            (REPLAYED, [replayed], 0),
            ("notifications", registry, 1000),
        ):
            worker = job_worker(
                client,
                queue,
                kinds,
                ports,
                drain=timedelta(),
                sandbox=False,
                draw=min,
                max_cached_workflows=cached,
            )
            await workers.enter_async_context(worker)
        yield World(
            client,
            engine,
            letters,
            CountedFailedRuns(lambda: client, requests, no_jobs=no_jobs),
            CommandLine(environment, within=600 if FULL else 60),
            recording,
            mail,
        )
