"""A shop on a database of its own, and the reports that are drawn of it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest
from pydantic import SecretStr

from adapters.reports.drawn import drawn_reports
from adapters.reports.snapshot import Snapshots
from adapters.settings import DatabaseSettings
from tests.adapters.reports.drawn.shop import Drawn, Shop


@pytest.fixture
async def shop(database: str) -> AsyncIterator[Shop]:
    connection = await asyncpg.connect(database)
    yield Shop(connection)
    await connection.close()


@pytest.fixture
def settings(database: str) -> DatabaseSettings:
    return DatabaseSettings(url=SecretStr(database))


@pytest.fixture
def snapshots(settings: DatabaseSettings) -> Snapshots:
    return Snapshots(settings)


@pytest.fixture
def drawn(settings: DatabaseSettings) -> Drawn:
    return Drawn(drawn_reports(settings))
