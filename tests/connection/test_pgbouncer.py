"""All kinds of access to the database through PgBouncer in transaction mode, with fewer connections than jobs at work.

Where PgBouncer is not installed, `test_pooler_settings.py` alone holds what this needs.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from functools import partial

import pytest
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.db import migrate
from adapters.db.engine import make_engine, probe
from adapters.db.orders import SqlOrders
from adapters.settings import DatabaseSettings
from demo.stack import Stack
from domain.errors import ConnectionBroken
from domain.payment_reconciliation import PaymentReconciliationRequest
from domain.payments import PaymentState
from starter import OrderConfirmationRequest
from tests.connection.pgbouncer import PROGRAM, pgbouncer
from tests.payments.shop import Shop, becomes
from tests.worker.worker_process import WorkerProcess

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(PROGRAM is None, reason="pgbouncer is not installed (apt-get install pgbouncer)"),
]

_EACH = 12


async def test_jobs_of_many_connections_share_a_few_of_the_server(
    stack: Stack, shop: Shop, environment: dict[str, str], database: str
) -> None:
    with pgbouncer(stack.postgres, size=3) as address:
        name = database.rpartition("/")[2]
        pooled = f"postgresql://postgres@{address}/{name}"
        variables = {"DATABASE_URL": pooled, "DATABASE_POOLER": "transaction", "DATABASE_LISTEN_URL": database}
        workers = [await WorkerProcess.start(environment | variables) for _ in range(2)]
        try:
            orders = [await shop.order() for _ in range(_EACH)]
            confirmations = [await shop.jobs.start(OrderConfirmationRequest, order_id=order) for order in orders]
            payments = [await shop.payment(await shop.order(), PaymentState.captured) for _ in range(_EACH)]
            callbacks = [await shop.hears(payment) for payment in payments]
            reconciliation = PaymentReconciliationRequest(at=datetime.now(UTC))
            await shop.jobs.start(reconciliation)
            await asyncio.gather(*(job.result() for job in confirmations), *map(shop.ends, callbacks))
            await shop.ends(reconciliation)
            await becomes(partial(_ready, workers))
        finally:
            await asyncio.gather(*(worker.end() for worker in workers))

    troubled = [line for worker in workers for line in worker.lines if line["level"] in ("warning", "error")]
    assert troubled == []


async def test_the_schema_is_made_and_read_through_it(stack: Stack, database: str) -> None:
    with pgbouncer(stack.postgres, size=2) as address:
        url = f"postgresql://postgres@{address}/{database.rpartition('/')[2]}"
        settings = DatabaseSettings.model_validate(
            {"url": SecretStr(url), "pooler": "transaction", "listen_url": SecretStr(database), "connections": 4}
        )
        engine = make_engine(settings)
        try:
            await migrate.upgrade(settings.directly.url.get_secret_value())
            assert await migrate.current(database) == migrate.head()
            await asyncio.gather(*(_many(engine) for _ in range(4)))
        finally:
            await engine.dispose()
        nowhere = make_engine(settings.model_copy(update={"url": SecretStr(url.rpartition("/")[0] + "/nowhere")}))
        try:
            with pytest.raises(ConnectionBroken, match="The pooler before the database has no connection for us; its"):
                await probe(nowhere)
        finally:
            await nowhere.dispose()


async def _many(engine: AsyncEngine) -> None:
    orders = SqlOrders(engine)
    for number in range(20):
        assert await orders.get(number + 1) is None


async def _ready(workers: list[WorkerProcess]) -> bool:
    return all([(await worker.get("/readyz")).status_code == 200 for worker in workers])
