"""Whatever is killed, and whenever: each committed order has exactly one run, each rolled-back one none.

`make crash` runs the same with the full numbers.
"""

from __future__ import annotations

import asyncio
import random
from contextlib import AsyncExitStack

import pytest
from temporalio.client import Client

from demo.stack import Stack
from tests.outbox.conftest import Relaying
from tests.outbox.processes import FULL, RELAY, running, said
from tests.outbox.shop import Shop, one_each, runs

pytestmark = pytest.mark.timeout(1800 if FULL else 180)

APPLICATION = ("-m", "tests.outbox.application")


@pytest.mark.parametrize(("moment", "placed"), [("before", set()), ("after", {1})])
async def test_an_application_that_is_killed_at_its_commit(
    shop: Shop, environment: dict[str, str], relaying: Relaying, client: Client, moment: str, placed: set[int]
) -> None:
    async with running(environment, *APPLICATION, moment, "1") as application:
        await said(application, moment)
        application.kill()
        await application.wait()

    assert await shop.placed() == placed
    async with relaying():
        await shop.emptied()
    assert await runs(client, len(placed)) == one_each(placed)


@pytest.mark.long
async def test_applications_that_are_killed_at_any_moment(
    shop: Shop, environment: dict[str, str], relaying: Relaying, client: Client
) -> None:
    async with relaying(rate=2000):
        for number in range(20 if FULL else 2):
            async with AsyncExitStack() as stack:
                applications = [
                    await stack.enter_async_context(
                        running(environment, *APPLICATION, "never", str(1 + number * 10**6 + at * 10**5))
                    )
                    for at in range(2)
                ]
                before = len(await shop.placed())
                while len(await shop.placed()) < before + 20:  # noqa: ASYNC110  # PostgreSQL has no event for it
                    await asyncio.sleep(0.01)
                for application in applications:
                    await asyncio.sleep(random.uniform(0, 0.1))  # noqa: S311  # no secret
                    application.kill()
        await shop.emptied()

    placed = await shop.placed()
    assert await runs(client, len(placed)) == one_each(placed)


async def test_a_relay_that_is_killed_between_the_start_and_its_record(
    shop: Shop, environment: dict[str, str], relaying: Relaying, client: Client
) -> None:
    await shop.place(*range(1, 11))
    async with running(environment, "-m", "tests.outbox.dying_relay") as relay:
        await said(relay, "started")
        relay.kill()
        await relay.wait()

    assert await shop.enqueued() == 10
    assert await runs(client, 10) == one_each(range(1, 11))
    async with relaying():
        await shop.emptied()
    assert await runs(client, 10) == one_each(range(1, 11))


@pytest.mark.long
async def test_relays_that_are_killed_at_any_moment(
    shop: Shop, environment: dict[str, str], relaying: Relaying, client: Client
) -> None:
    count = 5000 if FULL else 150
    await shop.place(*range(1, count + 1))
    for _ in range(50 if FULL else 2):
        async with running(environment, *RELAY) as relay:
            before = await shop.enqueued()
            if not before:
                break
            while await shop.enqueued() == before:  # noqa: ASYNC110  # PostgreSQL has no event for it
                await asyncio.sleep(0.005)
            await asyncio.sleep(random.uniform(0, 0.1))  # noqa: S311  # no secret
            relay.kill()
            await relay.wait()

    async with relaying():
        await shop.emptied()
    assert await runs(client, count) == one_each(range(1, count + 1))


@pytest.mark.long
@pytest.mark.parametrize("relays", [2, 3, 4] if FULL else [3])
async def test_several_relays_at_once(shop: Shop, environment: dict[str, str], client: Client, relays: int) -> None:
    count = 5000 if FULL else 300
    await shop.place(*range(1, count + 1))
    async with AsyncExitStack() as stack:
        processes = [
            await stack.enter_async_context(running(environment, *RELAY, "--until-empty")) for _ in range(relays)
        ]
        statuses = [await process.wait() for process in processes]

    assert statuses == [0] * relays
    assert await shop.enqueued() == 0
    assert await runs(client, count) == one_each(range(1, count + 1))


async def test_orders_that_are_placed_while_temporal_is_stopped(
    shop: Shop, environment: dict[str, str], client: Client, stack: Stack
) -> None:
    count = 1000 if FULL else 40
    async with running(environment, *RELAY):
        await shop.place(1)
        await shop.emptied()

        await asyncio.to_thread(stack.temporal.stop)
        for order_id in range(2, count + 2):
            await shop.place(order_id)
        assert await shop.enqueued() == count
        await asyncio.to_thread(stack.temporal.start)

        await shop.emptied()
    assert await runs(client, count + 1) == one_each(range(1, count + 2))


async def test_a_database_that_is_restarted_under_application_and_relay(
    shop: Shop, environment: dict[str, str], client: Client, stack: Stack
) -> None:
    async with running(environment, *RELAY), running(environment, *APPLICATION, "never", "1") as application:
        for _ in range(5 if FULL else 1):
            before = len(await shop.placed())
            while len(await shop.placed()) < before + 50:  # noqa: ASYNC110  # PostgreSQL has no event for it
                await asyncio.sleep(0.01)
            await asyncio.to_thread(stack.postgres.kill)
            await asyncio.to_thread(stack.postgres.start)
            await shop.engine.dispose()
        application.kill()
        await application.wait()
        await shop.emptied()

    placed = await shop.placed()
    assert len(placed) >= 50
    assert await runs(client, len(placed)) == one_each(placed)
