"""Alerts on the whole stack: a database of the test's own, a relay and a worker in this process, real channels."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta

import pytest
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client

from adapters.alerts.channels import Channels
from adapters.db.alerts import SqlAlerts
from adapters.db.deliveries import SqlDeliveryLedger
from adapters.db.engine import make_engine
from adapters.db.outbox_relay import SqlOutbox
from adapters.job_settings import AlertSettings, SecretUrls
from adapters.settings import DatabaseSettings
from adapters.temporal.dead_runs import TemporalDeadRuns
from demo.stack import Stack
from domain.alerts import AlertChannels, Alerts
from domain.dead_letter_sweep import DeadRuns
from domain.ports import DeliveryLedger
from starter.relay import Relay
from tests.alert_receiver import AlertReceiver
from workflows.hosting import job_worker
from workflows.registry import registry

Serving = Callable[..., AbstractAsyncContextManager[None]]


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture
async def engine(database: str) -> AsyncIterator[AsyncEngine]:
    engine = make_engine(DatabaseSettings(url=SecretStr(database)))
    yield engine
    await engine.dispose()


@pytest.fixture
def alerts(engine: AsyncEngine) -> SqlAlerts:
    """Whose jobs start at once; what is raised before `serving` waits for it all the same."""
    return SqlAlerts(engine, window=timedelta())


@pytest.fixture
def receiver() -> Iterator[AlertReceiver]:
    with AlertReceiver() as receiver:
        yield receiver


@pytest.fixture
def mailto(stack: Stack) -> str:
    return f"mailto://{stack.smtp_host}:{stack.smtp_port}?from=alerts@shop.example.com&to=ops@example.com"


@pytest.fixture
def serving(client: Client, database: str, engine: AsyncEngine, alerts: SqlAlerts, web_ui: str) -> Serving:
    """A relay and a worker: `async with serving(url, …):`. Waits before retries last `wait` seconds."""

    @asynccontextmanager
    async def serving(*urls: str, wait: float = 0.05) -> AsyncIterator[None]:
        channels = Channels(AlertSettings(urls=SecretUrls(",".join(urls)), timeout=5), web_ui=web_ui)
        ports: dict[type, object] = {
            Alerts: alerts,
            DeliveryLedger: SqlDeliveryLedger(engine),
            AlertChannels: channels,
            DeadRuns: TemporalDeadRuns(lambda: client, {}, no_jobs=()),
        }
        relay = Relay(
            SqlOutbox(engine, DatabaseSettings(url=SecretStr(database))),
            client,
            registry,
            queues=["alerts"],
            patience=timedelta(),
        )
        worker = job_worker(
            client, "alerts", registry, ports, draw=lambda _low, _high: wait, drain=timedelta(seconds=1)
        )
        async with worker:
            relaying = asyncio.create_task(relay.run())
            try:
                yield
            finally:
                await relay.stop()
                await asyncio.wait_for(relaying, 30)
                channels.close()

    return serving
