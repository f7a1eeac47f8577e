"""A namespace and a database of the module's own, a worker of a kind that dies as told, and a sweep to be called."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg
import pytest
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from adapters.db.dead_letter_sweep import SqlSweepMark
from adapters.db.dead_letters import SqlDeadLetters
from adapters.db.engine import make_engine
from adapters.settings import DatabaseSettings
from demo.stack import Stack
from domain.dead_letter_sweep import DeadLetterSweepRequest
from domain.dead_letters import DeadLetters
from starter.pauses import PAUSE
from starter.setup import add_search_attributes
from tests.dead_letters.dying import KINDS, QUEUE, REPLAYED, Dying, DyingActivities, Recording
from tests.dead_letters.graveyard import CountedDeadRuns, Graveyard
from tests.namespaces import new_namespace
from workflows.hosting import job_worker
from workflows.interceptor import JobInterceptor
from workflows.pausing import pauses_of
from workflows.registry import registry

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
async def engine(stack: Stack, _template: str) -> AsyncIterator[AsyncEngine]:
    name = f"dead_letters_{next(_numbers)}"
    administering = await asyncpg.connect(stack.postgres.url_of("postgres"))
    await administering.execute(f"CREATE DATABASE {name} TEMPLATE {_template}")
    engine = make_engine(DatabaseSettings(url=SecretStr(stack.postgres.url_of(name))))
    yield engine
    await engine.dispose()
    await administering.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await administering.close()


@pytest.fixture(scope="module")
async def graveyard(stack: Stack, engine: AsyncEngine) -> AsyncIterator[Graveyard]:
    client = await new_namespace(stack)
    await add_search_attributes(client)
    letters = SqlDeadLetters(engine, alert_window=timedelta(seconds=5))
    requests = {kind.workflow_type: kind.request for kind in (*registry, *KINDS)}
    sweeping = registry.get(DeadLetterSweepRequest.kind).workflow_type
    runs = CountedDeadRuns(lambda: client, requests, no_jobs=(PAUSE, sweeping))
    recording = Recording(letters)
    worker = job_worker(
        client,
        QUEUE,
        KINDS,
        {DeadLetters: recording},
        drain=timedelta(),
        sandbox=False,
        draw=min,
    )
    # It keeps no run in memory: what goes on is replayed, as after a deploy.
    forgetful = Worker(
        client,
        task_queue=REPLAYED,
        workflows=[Dying],
        activities=[DyingActivities().work],
        interceptors=[JobInterceptor({}, pauses_of(client))],
        workflow_runner=UnsandboxedWorkflowRunner(),
        max_cached_workflows=0,
    )
    async with worker, forgetful:
        yield Graveyard(client, engine, letters, runs, SqlSweepMark(engine), recording)
