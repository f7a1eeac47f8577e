"""Reports on the whole stack: worker processes, a database of the test's own, a folder for the files."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client

from adapters.db.engine import make_engine
from adapters.settings import DatabaseSettings
from demo.inbox.reader import InboxReader
from demo.stack import Stack
from tests.reports.office import Office
from tests.worker.worker_process import clean_environment


@pytest.fixture
async def engine(database: str) -> AsyncIterator[AsyncEngine]:
    engine = make_engine(DatabaseSettings(url=SecretStr(database)))
    yield engine
    await engine.dispose()


@pytest.fixture
def environment(stack: Stack, client: Client, database: str, tmp_path: Path) -> dict[str, str]:
    """Variables of processes that work with the test's namespace, database and folder of reports."""
    return {
        **clean_environment(),
        **stack.environment(),
        "TEMPORAL_NAMESPACE": client.namespace,
        "DATABASE_URL": database,
        "REPORTS_STORE": str(tmp_path / "reports"),
        "WORKER_HTTP_PORT": "0",
    }


@pytest.fixture
async def office(engine: AsyncEngine, client: Client, inbox: InboxReader, tmp_path: Path) -> Office:
    return await Office.open(engine, client, inbox, tmp_path / "reports")
