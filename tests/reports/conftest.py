"""Reports on the whole stack: worker processes, a database of the test's own, a folder for the files."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client

from adapters.outside import Outside
from adapters.settings import Settings
from demo.inbox.reader import InboxReader
from starter.relay import Relay
from tests.reports.office import Office
from workflows.hosting import job_worker
from workflows.registry import registry

Serving = Callable[..., AbstractAsyncContextManager[None]]


@pytest.fixture
def environment(environment: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """With a folder of reports of the test's own."""
    return {**environment, "REPORTS_STORE": str(tmp_path / "reports")}


@pytest.fixture
async def office(engine: AsyncEngine, client: Client, inbox: InboxReader, tmp_path: Path) -> Office:
    return await Office.open(engine, client, inbox, tmp_path / "reports")


@pytest.fixture
def serving(client: Client, environment: dict[str, str]) -> Serving:
    """The workers of a process and its relay, in this one."""

    @asynccontextmanager
    async def serving() -> AsyncIterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            settings = Settings()
        outside = Outside(settings)
        reports, notifications = (
            job_worker(client, queue, registry, outside.ports, drain=timedelta(seconds=1))
            for queue in ("reports", "notifications")
        )
        relay = Relay(outside.outbox, client, registry)
        async with reports, notifications:
            relaying = asyncio.create_task(relay.run())
            try:
                yield
            finally:
                await relay.stop()
                await asyncio.wait_for(relaying, 30)
                await outside.close()

    return serving
