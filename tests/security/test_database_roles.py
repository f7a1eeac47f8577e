"""With `deploy/postgres/roles.sql`, workers do all their work with an account that cannot change the schema."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import asyncpg
import pytest
from pydantic import SecretStr
from temporalio.client import Client

from adapters.db import job_kinds, migrate
from adapters.db.engine import make_engine
from adapters.settings import DatabaseSettings
from demo.inbox.reader import InboxReader
from demo.postgres import PROGRAMS
from demo.stack import Stack
from domain.payment_reconciliation import PaymentReconciliationRequest
from domain.payments import PaymentState
from starter import OrderConfirmationRequest
from tests.http_interface.serving import serve
from tests.payment_provider import ProviderController
from tests.payments.shop import Shop
from tests.worker.worker_process import WorkerProcess
from workflows.registry import registry

ROLES = Path(__file__).parents[2] / "deploy" / "postgres" / "roles.sql"

_numbers = count(1)


def run_roles(url: str) -> None:
    command = [str(PROGRAMS / "psql"), "-X", "-q", "--set", "ON_ERROR_STOP=1", "--file", str(ROLES), "-d", url]
    subprocess.run(command, check=True, capture_output=True, timeout=60)


def url_for(role: str, url: str) -> str:
    return url.replace("postgres@", f"{role}@")


@pytest.fixture
async def apart(stack: Stack) -> AsyncIterator[str]:
    """A database that was set up by `jobs_migrator`, between the two runs of the script."""
    name = f"roles_{next(_numbers)}"
    admin = await asyncpg.connect(stack.postgres.url_of("postgres"))
    await admin.execute(f"CREATE DATABASE {name}")
    url = stack.postgres.url_of(name)
    try:
        await asyncio.to_thread(run_roles, url)
        await migrate.upgrade(url_for("jobs_migrator", url))
        await job_kinds.sync(url_for("jobs_migrator", url), registry.requests())
        await asyncio.to_thread(run_roles, url)
        yield url
    finally:
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await admin.close()


async def test_jobs_run_with_an_account_that_changes_no_schema(
    apart: str,
    environment: dict[str, str],
    client: Client,
    provider: ProviderController,
    inbox: InboxReader,
) -> None:
    app = url_for("jobs_app", apart)
    # Orders with ids of the tests' own, which the shop would not bring along, need more rights.
    engine = make_engine(DatabaseSettings(url=SecretStr(apart)))
    shop = Shop(engine, client, provider, inbox)
    worker = await WorkerProcess.start(environment | {"DATABASE_URL": app})
    try:
        async with serve(app, client) as served:
            placed = await served.place()
            await shop.ends(f"order-confirmation/{placed.json()['id']}")
        confirmed = await shop.order()
        await (await shop.jobs.start(OrderConfirmationRequest, order_id=confirmed)).result()
        await shop.ends(await shop.hears(await shop.payment(await shop.order(), PaymentState.captured)))
        reconciliation = PaymentReconciliationRequest(at=datetime.now(UTC))
        await shop.jobs.start(reconciliation)
        await shop.ends(reconciliation)
        ready = await worker.get("/readyz")
    finally:
        await worker.end()
        await engine.dispose()
    connection = await asyncpg.connect(app)
    try:
        for refused in (
            "CREATE TABLE mine (a int)",
            "CREATE TEMPORARY TABLE mine (a int)",
            "ALTER TABLE orders ADD COLUMN mine int",
            "DROP TABLE orders",
            "TRUNCATE outbox",
            "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "UPDATE jobs_schema_version SET version_num = 'v0001'",
            "DELETE FROM job_kinds",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(refused)
        await connection.execute("SELECT enqueue_job('order-confirmation', '{\"order_id\": 77}')")
        assert await connection.fetchval("SELECT count(*) FROM outbox") == 1
    finally:
        await connection.close()

    assert ready.status_code == 200
    assert [line for line in worker.lines if line["level"] in ("warning", "error", "critical")] == []


async def test_who_may_look_changes_nothing_and_sees_no_keys(apart: str) -> None:
    connection = await asyncpg.connect(url_for("jobs_read", apart))
    try:
        assert await connection.fetchval("SELECT count(*) FROM dead_letters") == 0
        for refused in (
            "DELETE FROM dead_letters",
            "INSERT INTO outbox DEFAULT VALUES",
            "SELECT enqueue_job('order-confirmation', '{\"order_id\": 77}')",
            "SELECT * FROM api_keys",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(refused)
    finally:
        await connection.close()
