"""Callbacks of the same payments, shuffled and repeated, over two worker processes, while the payments go on."""

from __future__ import annotations

import asyncio
import random

from domain.payment_callback import PaymentCallbackRequest
from domain.payments import PAID, PaymentState
from tests.payments.shop import TOTAL, Shop
from tests.worker.worker_process import WorkerProcess

S = PaymentState

_WAYS: list[list[tuple[PaymentState, int]]] = [
    [(S.authorised, 0), (S.captured, 0), (S.partially_refunded, 100), (S.partially_refunded, 900), (S.refunded, TOTAL)],
    [(S.declined, 0), (S.pending, 0), (S.declined, 0), (S.pending, 0), (S.captured, 0)],
    [(S.captured, 0), (S.disputed, 0), (S.captured, 0), (S.partially_refunded, 500)],
    [(S.declined, 0), (S.cancelled, 0)],
    [(S.authorised, 0), (S.declined, 0)],
    [(S.captured, 0), (S.refunded, TOTAL), (S.captured, 0)],
]
_TOLD = {S.declined, S.refunded, S.partially_refunded}


async def test_shuffled_and_repeated_callbacks_end_in_the_providers_state_with_each_effect_once(
    shop: Shop, environment: dict[str, str]
) -> None:
    orders = [await shop.order() for _ in _WAYS]
    payments = [await shop.payment(order) for order in orders]
    workers = [await WorkerProcess.start(environment) for _ in range(2)]
    try:
        await asyncio.gather(*(worker.takes_jobs() for worker in workers))
        await asyncio.gather(*(_goes(shop, payment, way) for payment, way in zip(payments, _WAYS, strict=True)))
        events = [(event.payment_id, event.id) for event in await shop.provider.events()] * 2
        random.shuffle(events)
        await asyncio.gather(*(shop.hears(*event) for event in events))
        for payment_id, event_id in set(events):
            await shop.ends(PaymentCallbackRequest(event_id=event_id, payment_id=payment_id))
        await shop.idle()
    finally:
        await asyncio.gather(*(worker.end() for worker in workers))

    tried_again = [line for worker in workers for line in worker.lines if "Attempt failed" in line["message"]]
    assert tried_again == [], "those who come to a payment at once do not cost each other attempts"
    known = [await shop.known(payment) for payment in payments]
    assert [(payment.state, payment.refunded) for payment in known] == [way[-1] for way in _WAYS]
    for way, order, payment in zip(_WAYS, orders, payments, strict=True):
        state, refunded = way[-1]
        mails = await shop.mails(order)
        assert set(mails.values()) <= {1}, mails
        assert set(mails) <= {
            *(f"payment-notice/{payment}/{told}/{back}" for told, back in way if told in _TOLD),
            f"order-confirmation/{order}",
        }
        assert (f"payment-notice/{payment}/{state}/{refunded}" in mails) == (state in _TOLD)
        assert (f"order-confirmation/{order}" in mails) == (await shop.paid_at(order) is not None)
        assert state not in PAID or await shop.paid_at(order) is not None


async def _goes(shop: Shop, payment: str, way: list[tuple[PaymentState, int]]) -> None:
    """The payment goes its way, and its first callbacks come in between."""
    for state, refunded in way:
        event = await shop.provider.move(payment, state, refunded=refunded if state is S.partially_refunded else None)
        if random.random() < 0.7:  # noqa: S311  # no secret
            await shop.hears(payment, event.id)
