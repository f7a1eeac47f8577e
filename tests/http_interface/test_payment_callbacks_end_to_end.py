"""From the payment provider's callback to the paid order: provider, HTTP interface, outbox and worker are real."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import get_args

import pytest
from pydantic import SecretStr
from temporalio.client import Client

from adapters.settings import PaymentCallbackSettings
from demo.payments.provider import WEBHOOK_SECRET
from demo.stack import Stack
from domain.payments import PaymentState
from tests.callback_signing import Scheme
from tests.http_interface.serving import ORDER, Served, serve
from tests.payment_provider import ProviderController
from tests.worker.worker_process import WorkerProcess, clean_environment

TOTAL = 6900


@pytest.fixture
def scheme(request: pytest.FixtureRequest) -> Scheme:
    chosen: Scheme = request.param
    return chosen


@pytest.fixture
async def shop(database: str, client: Client, stack: Stack, scheme: Scheme) -> AsyncIterator[Served]:
    """With a worker."""
    environment = {
        **clean_environment(),
        **stack.environment(),
        "TEMPORAL_NAMESPACE": client.namespace,
        "DATABASE_URL": database,
        "WORKER_HTTP_PORT": "0",
    }
    known_by = PaymentCallbackSettings.model_validate({"scheme": scheme, "secrets": SecretStr(WEBHOOK_SECRET)})
    worker = await WorkerProcess.start(environment)
    try:
        async with serve(database, client, callbacks=known_by) as served:
            await worker.takes_jobs()
            yield served
    finally:
        await worker.end()


async def _becomes(shop: Served, statement: str, condition: Callable[[int], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition((await shop.run(statement))[0][0]):  # noqa: ASYNC110  # PostgreSQL has no event for it
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("scheme", get_args(Scheme), indirect=True)
async def test_orders_are_paid_by_callbacks_that_come_late_twice_and_in_any_order(
    shop: Served, provider: ProviderController, scheme: Scheme
) -> None:
    numbers = [(await shop.place(ORDER, payment="online")).json()["id"] for _ in range(5)]
    call = partial(provider.send, url=f"{shop.url}/webhooks/payments", scheme=scheme)
    payments = [(await provider.begin(number, TOTAL)).id for number in numbers]
    for payment_id in payments:
        await provider.move(payment_id, PaymentState.captured)
    happened = [event.id for event in await provider.events()]

    # A forger, and one who sends again what he has seen, get nothing in.
    for wrong in ({"forged": True}, {"clock_offset": -600}, {"clock_offset": 600}):
        assert await call(happened[-1:], **wrong) == [401]
    assert await shop.count("payment_events") == 0

    twice = [*reversed(happened), *happened]
    answers = await asyncio.gather(
        call(twice), call(happened[:2], clock_offset=240), call(happened[2:4], clock_offset=-240)
    )
    assert {status for statuses in answers for status in statuses} == {202}

    await _becomes(shop, "SELECT count(*) FROM orders WHERE paid_at IS NULL", lambda unpaid: unpaid == 0)
    await _becomes(
        shop, "SELECT count(*) FROM orders WHERE confirmation_sent_at IS NULL", lambda unconfirmed: unconfirmed == 0
    )
    await _becomes(shop, "SELECT count(*) FROM outbox", lambda waiting: waiting == 0)
    assert {event_id for [event_id] in await shop.run("SELECT id FROM payment_events")} == set(happened)
    assert await shop.count("deliveries") == len(numbers)
    job = (await shop.http.get(f"/jobs/payment-callback/{happened[-1]}")).json()
    assert job["outcome"]["outcome"] == "done"
