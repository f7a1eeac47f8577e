"""The relay starts what was enqueued, once, and lets nothing hold it up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Row, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from temporalio.client import Client

from adapters.db.outbox_relay import SqlOutbox
from adapters.db.tables import alerts
from adapters.db.tables import outbox as table
from adapters.settings import DatabaseSettings
from demo.stack import Stack
from domain.order_confirmation import OrderConfirmationRequest
from starter import Jobs
from starter import outbox as enqueueing
from starter.relay import Relay
from starter.setup import add_search_attributes
from tests.namespaces import new_namespace
from tests.outbox.conftest import Relaying
from tests.outbox.crashing import Crashing
from tests.outbox.shop import Shop, one_each, runs
from workflows.registry import Registry, registry

NEVER = timedelta(hours=1)

_LISTENER = (
    "FROM pg_stat_activity WHERE application_name = 'durable-jobs-listen' "
    "AND datname = current_database() AND query LIKE 'LISTEN%'"
)


class Deaf(SqlOutbox):
    """Hears no wake-up call."""

    async def listen(self, wake: Callable[[], None]) -> None:  # noqa: ARG002
        await asyncio.Event().wait()


async def entries(engine: AsyncEngine) -> list[Row[Any]]:
    async with engine.connect() as connection:
        return list((await connection.execute(select(table).order_by(table.c.id))).all())


async def put(engine: AsyncEngine, **columns: Any) -> None:
    async with engine.begin() as connection:
        await connection.execute(insert(table).values(**columns))


async def has_error(engine: AsyncEngine, count: int = 1) -> list[Row[Any]]:
    """The entries, once so many of them have an error."""
    async with asyncio.timeout(30):
        while True:
            found = await entries(engine)
            if sum(bool(row.error) for row in found) >= count:
                return found
            await asyncio.sleep(0.05)


async def test_what_is_committed_runs_and_leaves_the_outbox_and_what_is_rolled_back_does_not(
    shop: Shop, relaying: Relaying, client: Client
) -> None:
    async with relaying():
        await shop.place(1, 2)
        await shop.place(3, commit=False)
        await shop.emptied()

    assert await runs(client, 2) == one_each([1, 2])


async def test_the_same_event_enqueued_twice_and_started_directly_is_one_run(
    shop: Shop, engine: AsyncEngine, relaying: Relaying, client: Client
) -> None:
    await Jobs(client).start(OrderConfirmationRequest, order_id=1)
    await put(engine, kind="order-confirmation", payload={"order_id": 1})
    await put(engine, kind="order-confirmation", payload={"order_id": 1})

    async with relaying():
        await shop.emptied()

    assert await runs(client, 1) == one_each([1])


async def test_the_options_of_an_entry_are_those_of_its_run(
    shop: Shop, engine: AsyncEngine, relaying: Relaying, client: Client
) -> None:
    async with AsyncSession(engine) as session, session.begin():
        request = OrderConfirmationRequest
        enqueueing.enqueue(session, request(order_id=1), start_after=NEVER, priority=2, fairness_key="shop-7")
        enqueueing.enqueue(session, request(order_id=2), start_after=datetime.now(UTC) + 2 * NEVER)
        enqueueing.enqueue(session, request(order_id=3), start_after=datetime.now(UTC) - NEVER)
    async with relaying():
        await shop.emptied()

    described = [await client.get_workflow_handle(f"order-confirmation/{number}").describe() for number in (1, 2, 3)]
    delays = [
        (run.execution_time - run.start_time) / timedelta(minutes=1) if run.execution_time else 0 for run in described
    ]
    assert delays[0] == pytest.approx(60, abs=2)
    assert delays[1] == pytest.approx(120, abs=2)
    assert delays[2] == 0
    priority = described[0].raw_info.priority
    assert (priority.priority_key, priority.fairness_key) == (2, "shop-7")


async def test_what_cannot_be_started_is_kept_with_its_error_and_holds_nobody_up(
    shop: Shop, engine: AsyncEngine, relaying: Relaying, client: Client
) -> None:
    # By the function, which does not look at fields.
    enqueueing = text("SELECT enqueue_job('order-confirmation', CAST(:payload AS jsonb))")
    for payload in ('{"order_id": -7}', '{"order_id": "7"}', '{"order_id": 1, "address": "ada@example.com"}', "{}"):
        async with engine.begin() as connection:
            await connection.execute(enqueueing, {"payload": payload})
    await put(engine, kind="never-heard-of", payload={}, enqueued_at=datetime(2026, 1, 1, tzinfo=UTC))
    await shop.place(2)

    async with relaying(batch=1, batches=1):
        await shop.emptied(but=5)
        kept = [row for row in await has_error(engine, 5) if row.error]
        assert await runs(client, 1) == one_each([2])

    assert [row.error_type for row in kept] == ["InvalidPayload"] * 4 + ["UnknownKind"]
    assert all((row.attempts, row.refused_at is None) == (1, False) for row in kept)
    said = [row.error for row in kept]
    for error, message in zip(said, ("order_id: ", "order_id: ", "address: ", "order_id: ", "order-conf"), strict=True):
        assert message in error
    assert "ada@example.com" not in str(said)
    async with engine.connect() as connection:
        raised = (await connection.execute(select(alerts.c.about, alerts.c.leads).order_by(alerts.c.id))).all()
    assert [tuple(row) for row in raised] == [
        ("order-confirmation/InvalidPayload", True),
        *[("order-confirmation/InvalidPayload", False)] * 3,
        ("never-heard-of/UnknownKind", True),
    ]


async def test_a_kind_that_a_relay_does_not_know_yet_is_left_to_one_that_does(
    shop: Shop, engine: AsyncEngine, outbox: SqlOutbox, relaying: Relaying, client: Client
) -> None:
    await put(engine, kind="order-confirmation", payload={"order_id": 1})
    knows_less = Relay(outbox, client, Registry(), patience=timedelta())
    await knows_less.work_on_one_batch()
    (waiting,) = await entries(engine)
    assert waiting.error is None
    async with engine.begin() as connection:
        await connection.execute(update(table).values(enqueued_at=func.now() - timedelta(minutes=2)))
    await knows_less.work_on_one_batch()
    refused, _ = await entries(engine)  # and the job of its alert
    assert refused.error_type == "UnknownKind"

    async with relaying():
        await shop.emptied()
    assert await runs(client, 1) == one_each([1])


async def test_what_lacks_set_up_is_put_off_and_starts_once_that_is_done(
    shop: Shop, engine: AsyncEngine, outbox: SqlOutbox, stack: Stack
) -> None:
    bare = await new_namespace(stack)
    await shop.place(1)
    relay = Relay(outbox, bare, registry, patience=timedelta(), look_every=timedelta(milliseconds=50))
    running = asyncio.create_task(relay.run())
    (waiting,) = await has_error(engine)
    assert (waiting.error_type, waiting.refused_at) == ("NotSetUp", None)
    assert "jobs setup" in waiting.error

    await add_search_attributes(bare)
    async with engine.begin() as connection:
        await connection.execute(update(table).values(retry_at=func.now()))
    await shop.emptied()
    await relay.stop()
    await running
    assert await runs(bare, 1) == one_each([1])


async def test_entries_of_queues_that_others_serve_are_left_to_them_for_a_while(
    shop: Shop, outbox: SqlOutbox, client: Client
) -> None:
    await shop.place(1)
    await Relay(outbox, client, registry, queues=["reports"], patience=NEVER).work_on_one_batch()
    assert await shop.enqueued() == 1
    await Relay(outbox, client, registry, queues=["notifications"], patience=NEVER).work_on_one_batch()
    assert await shop.enqueued() == 0
    assert await runs(client, 1) == one_each([1])


async def test_an_entry_wakes_the_relay_also_after_its_listening_connection_was_lost(
    shop: Shop, engine: AsyncEngine, relaying: Relaying
) -> None:
    async def listeners() -> int:
        async with engine.connect() as connection:
            return int((await connection.execute(text(f"SELECT count(*) {_LISTENER}"))).scalar_one())

    async def listening(count: int) -> None:
        async with asyncio.timeout(30):
            while await listeners() != count:  # noqa: ASYNC110  # PostgreSQL has no event for it
                await asyncio.sleep(0.02)

    async with relaying(look_every=NEVER):
        await listening(1)
        await shop.place(1)
        await shop.emptied()

        async with engine.begin() as connection:
            await connection.execute(text(f"SELECT pg_terminate_backend(pid) {_LISTENER}"))
        await listening(1)
        await shop.place(2)
        await shop.emptied()


async def test_an_entry_whose_wake_up_call_is_missed_is_found_all_the_same(
    shop: Shop, engine: AsyncEngine, outbox: SqlOutbox, relaying: Relaying
) -> None:
    async with relaying(box=Deaf(engine, outbox._settings), look_every=timedelta(milliseconds=50)):
        await shop.place(1)
        await shop.emptied()


@pytest.mark.parametrize("rate", [2, 50])
async def test_a_relay_that_is_told_to_stop_records_what_it_is_just_starting(
    shop: Shop, relaying: Relaying, client: Client, rate: int
) -> None:
    await shop.place(*range(1, 200))
    async with relaying(batch=20, batches=2, rate=rate):
        while await shop.enqueued() == 199:  # noqa: ASYNC110  # PostgreSQL has no event for it
            await asyncio.sleep(0.001)
    left = await shop.enqueued()

    started = await runs(client, 199 - left)
    assert started.total() == 199 - left
    assert left > 0


async def test_a_kind_that_may_run_again_after_a_failure_does_so_once_an_entry(
    shop: Shop, engine: AsyncEngine, outbox: SqlOutbox, settings: DatabaseSettings, client: Client
) -> None:
    kinds = Registry()
    kinds.register(replace(registry.get("order-confirmation"), restart_after_failure=True))
    await put(engine, kind="order-confirmation", payload={"order_id": 1})

    await Relay(Crashing(engine, settings), client, kinds, patience=timedelta()).work_on_one_batch()
    assert await runs(client, 1) == one_each([1])
    await client.get_workflow_handle("order-confirmation/1").terminate()
    assert await shop.enqueued() == 1

    relay = Relay(outbox, client, kinds, patience=timedelta())
    await relay.work_on_one_batch()
    assert (await shop.enqueued(), await runs(client, 1)) == (0, one_each([1]))

    await put(engine, kind="order-confirmation", payload={"order_id": 1})
    await relay.work_on_one_batch()
    assert (await runs(client, 2)).total() == 2
