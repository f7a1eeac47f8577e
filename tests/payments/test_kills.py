"""Whatever is killed in the middle of a payment: each effect is there once, counted where it arrives."""

from __future__ import annotations

import pytest

from domain.outcomes import Done
from domain.payments import PaymentState
from tests.outbox.processes import FULL, running, said
from tests.payments.shop import Shop, becomes, one_each
from tests.payments.test_reconciliation import a_reconciliation
from tests.worker.worker_process import WorkerProcess

pytestmark = pytest.mark.long

S = PaymentState


async def test_a_worker_killed_at_any_moment_of_a_payment_leaves_each_effect_once(
    shop: Shop, environment: dict[str, str]
) -> None:
    """While the provider is silent, between fetch and apply, after apply, and with a mail on its way.

    Besides, a reconciliation is killed: Temporal misses its heartbeat after half a minute only, for which the gate
    does not wait; but it must not keep the next one out.
    """
    orders = [await shop.order() for _ in range(3)] + [await shop.order(tag="+slow2")]
    silent, before, after, mailed = [await shop.payment(order, S.captured) for order in orders]
    await shop.provider.misbehave("hang", payment_id=silent, times=None)

    async with running(environment, "-m", "tests.payments.dying_worker", before, after) as killed:
        callbacks = [await shop.hears(payment) for payment in (silent, before, after, mailed)]
        await said(killed, "before and after")
        await becomes(lambda: shop.is_sending(f"order-confirmation/{orders[3]}"))
        interrupted = await shop.jobs.start(a_reconciliation())
        await becomes(lambda: shop.calls(silent), 2)
        applied = [(await shop.known(payment)).version for payment in (silent, before, after, mailed)]
        paid = await shop.paid_at(orders[2])
        killed.kill()
        await killed.wait()

    await shop.provider.behave()
    worker = await WorkerProcess.start(environment)
    try:
        next_one = await shop.ends((await shop.jobs.start(a_reconciliation())).id)
        outcomes = [await shop.ends(callback) for callback in callbacks]
        for order in orders:
            await shop.ends(f"order-confirmation/{order}")
        if FULL:
            assert isinstance(await interrupted.result(), Done)
    finally:
        await worker.end()

    assert applied == [0, 0, 1, 1]
    assert isinstance(next_one, Done)
    assert outcomes == [Done(reference=f"{payment}/captured") for payment in (silent, before, after, mailed)]
    assert paid is not None
    assert await shop.paid_at(orders[2]) == paid, "applied again, and nothing changed"
    *others, under_way = [await shop.mails(order) for order in orders]
    assert others == [one_each([f"order-confirmation/{order}"]) for order in orders[:3]]
    # What no protocol can settle: the mail server may have taken it before the kill. Under its one Message-ID.
    assert set(under_way) == {f"order-confirmation/{orders[3]}"}
    assert under_way.total() <= 2
