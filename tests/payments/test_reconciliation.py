"""What a lost callback would have told is found at the provider, once."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from sqlalchemy import select

from adapters.db.reconciliations import OVERLAP, SqlReconciliations
from adapters.db.tables import payment_reconciliation
from domain.outcomes import Done, Skipped
from domain.payment_reconciliation import PaymentReconciliationRequest
from domain.payments import PaymentState
from tests.payments.conftest import Serving
from tests.payments.shop import Shop, becomes, one_each
from tests.starter.commandline import CommandLine

S = PaymentState

_BEGAN = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=5)
_seconds = count()


def a_reconciliation() -> PaymentReconciliationRequest:
    """Up to a moment that no other one has, a second after the last."""
    return PaymentReconciliationRequest(at=_BEGAN + timedelta(seconds=next(_seconds)))


async def reconciled(shop: Shop) -> str:
    """What a reconciliation says that it found."""
    outcome = await shop.ends((await shop.jobs.start(a_reconciliation())).id)
    assert isinstance(outcome, Done)
    return str(outcome.reference)


async def test_an_order_whose_callback_got_lost_is_paid_in_the_end(
    shop: Shop, serving: Serving, environment: dict[str, str]
) -> None:
    order = await shop.order()
    payment = await shop.payment(order, S.declined, S.authorised, S.captured)
    foreign = await shop.payment(None, S.captured)
    request = a_reconciliation()
    assert request.at is not None
    async with serving():
        found = await CommandLine(environment)(
            *("start", "payment-reconciliation", "--at", request.at.isoformat(), "--wait", "--json")
        )
        await shop.ends(f"order-confirmation/{order}")
        again = await reconciled(shop)
        await shop.idle()

    assert found.status == 0, found.err
    assert found.document["outcome"]["reference"] == "seen 2, missed 1, of no order 1"
    assert again == "seen 2, missed 0, of no order 1"
    assert await shop.paid_at(order) is not None
    assert await shop.mails(order) == one_each([f"order-confirmation/{order}"])
    assert (await shop.known(foreign)).version == 0
    callbacks = [job for job in await shop.job_ids() if job.startswith("payment-callback/")]
    assert callbacks == [f"payment-callback/reconciled.{payment}.0.captured.0"]


async def test_of_two_at_once_one_is_skipped(shop: Shop, serving: Serving) -> None:
    payment = await shop.payment(await shop.order(), S.captured)
    await shop.provider.misbehave("slow", payment_id=payment, seconds=0.4)
    async with serving():
        first = await shop.jobs.start(a_reconciliation())
        await becomes(lambda: shop.calls(payment), 1)
        second = await shop.jobs.start(a_reconciliation())

        assert await second.result() == Skipped(reason="another-reconciliation-is-under-way")
        assert await first.result() == Done(reference="seen 1, missed 1, of no order 0")


async def test_one_that_fails_midway_leaves_its_part_to_the_next_and_nothing_is_done_twice(
    shop: Shop, serving: Serving
) -> None:
    async with serving():
        await reconciled(shop)
        ended = await reached(shop)
        orders = [await shop.order() for _ in range(20)]
        payments = [await shop.payment(order, S.captured) for order in orders]
        await shop.provider.misbehave("answer", status=503, payment_id=payments[9], times=None)

        failed = await shop.fails((await shop.jobs.start(a_reconciliation())).id)
        assert failed.error_type == "ServiceUnavailable"
        assert await reached(shop) == ended
        await asyncio.gather(*(shop.ends(f"order-confirmation/{order}") for order in orders if order != orders[9]))
        assert await shop.paid_at(orders[9]) is None

        await shop.provider.behave()
        assert await reconciled(shop) == "seen 20, missed 1, of no order 0"
        await asyncio.gather(*(shop.ends(f"order-confirmation/{order}") for order in orders))
        await shop.idle()
        assert [(await shop.mails(order)).total() for order in orders] == [1] * 20
        callbacks = [job for job in await shop.job_ids() if job.startswith("payment-callback/")]
        assert len(callbacks) == 20


async def reached(shop: Shop) -> datetime:
    async with shop.engine.connect() as connection:
        moment: datetime = (await connection.execute(select(payment_reconciliation.c.reconciled_until))).scalar_one()
        return moment


@pytest.mark.parametrize("ahead", [timedelta(), timedelta(days=3)], ids=["now", "in the future"])
async def test_the_first_looks_back_a_day_whatever_it_is_told(shop: Shop, serving: Serving, ahead: timedelta) -> None:
    payment = await shop.payment(await shop.order())
    now = datetime.now(UTC)
    await shop.provider.move(payment, S.captured, at=now - timedelta(hours=23))
    async with serving():
        request = PaymentReconciliationRequest(at=now + ahead)
        outcome = await shop.ends((await shop.jobs.start(request)).id)

    assert outcome == Done(reference="seen 1, missed 1, of no order 0")
    async with SqlReconciliations(shop.engine).alone(now + timedelta(minutes=5)) as turn:
        assert turn is not None
        assert now - OVERLAP <= turn.since <= datetime.now(UTC) - OVERLAP


async def test_one_whose_machine_is_gone_is_noticed_before_another_takes_its_place(shop: Shop) -> None:
    async with SqlReconciliations(shop.engine).alone(datetime.now(UTC)) as turn:
        assert turn is not None
        names = ("idle", "interval", "count")
        idle, interval, times = [
            int((await turn._connection.exec_driver_sql(f"SHOW tcp_keepalives_{name}")).scalar_one()) for name in names
        ]
    assert 0 < idle + interval * times <= 30
