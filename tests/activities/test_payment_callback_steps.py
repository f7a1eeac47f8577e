"""The step of a payment callback, with fakes behind the ports."""

from __future__ import annotations

from activities.payment_callback import PaymentCallbackActivities
from domain.payment_callback import PaymentCallbackRequest
from domain.payments import PaymentState
from tests.fakes_payments import FakePayments, FakeProvider, a_payment

REQUEST = PaymentCallbackRequest(event_id="evt_1", payment_id="pi_1")


class Shop:
    def __init__(self, provider: FakeProvider | None = None) -> None:
        self.provider = provider or FakeProvider(a_payment())
        self.payments = FakePayments()
        self.steps = PaymentCallbackActivities(self.provider, self.payments)


async def test_what_was_applied_between_look_and_fetch_makes_it_fetch_again() -> None:
    shop = Shop()

    def somebody_else_applies() -> None:
        shop.payments.payments["pi_1"] = (1, a_payment(PaymentState.authorised))

    shop.provider.script = [somebody_else_applies]
    applied = await shop.steps.apply(REQUEST)

    assert (applied.state, shop.provider.calls) == (PaymentState.captured, 2)


async def test_what_others_fetched_and_applied_after_the_callback_came_need_not_be_fetched_again() -> None:
    shop = Shop()

    def somebody_else_applies() -> None:
        version, _ = shop.payments.payments.get("pi_1", (0, None))
        shop.payments.payments["pi_1"] = (version + 1, a_payment(PaymentState.refunded, refunded=1250))

    shop.provider.script = [somebody_else_applies] * 99
    applied = await shop.steps.apply(REQUEST)

    # Who applied the first may have fetched before the callback came; who applied the second had seen the first.
    assert shop.provider.calls == 2
    assert (applied.order_id, applied.state, applied.refunded) == (1042, PaymentState.refunded, 1250)
    assert not applied.changed
