"""A namespace for what the documentation starts, and an order that it starts it for."""

from __future__ import annotations

import pytest
from pydantic import SecretStr
from temporalio.client import Client

from adapters.db.engine import make_engine
from adapters.db.orders import SqlOrders
from adapters.settings import DatabaseSettings
from demo.stack import Stack
from tests.docs.house import clean_environment
from tests.fakes import an_order


@pytest.fixture
async def environment(stack: Stack, client: Client, database: str) -> dict[str, str]:
    """Variables of commands and workers; the database holds the order 1042."""
    engine = make_engine(DatabaseSettings(url=SecretStr(database)), pooled=False)
    await SqlOrders(engine).add_all([an_order(1042)])
    await engine.dispose()
    return {
        **clean_environment(),
        **stack.environment(),
        "TEMPORAL_NAMESPACE": client.namespace,
        "DATABASE_URL": database,
        "WORKER_HTTP_PORT": "0",
    }
