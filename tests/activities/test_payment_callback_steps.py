"""The steps of a payment callback, with fakes behind the ports."""

from __future__ import annotations

import pytest

from activities.payment_callback import PaymentCallbackActivities
from domain.errors import NotFound, ServiceUnavailable
from domain.payment_callback import Applied, PaymentCallbackRequest
from domain.payments import PaymentState
from tests.fakes import FakeLedger, FakeMail, FakeOrders, FakeTemplates, an_order
from tests.fakes_payments import FakePayments, FakeProvider, a_payment

REQUEST = PaymentCallbackRequest(event_id="evt_1", payment_id="pi_1")


class Shop:
    def __init__(self, provider: FakeProvider | None = None, email: str | None = "ada@example.com") -> None:
        self.provider = provider or FakeProvider(a_payment())
        self.payments = FakePayments()
        self.ledger, self.mail = FakeLedger(), FakeMail()
        self.steps = PaymentCallbackActivities(
            self.provider, self.payments, FakeOrders(an_order(email=email)), self.ledger, FakeTemplates(), self.mail
        )

    async def applied(self, state: PaymentState, refunded: int = 0) -> Applied:
        self.provider.payments["pi_1"] = a_payment(state, refunded=refunded)
        return await self.steps.apply(REQUEST)


async def test_the_state_that_the_provider_tells_is_applied_once() -> None:
    shop = Shop()
    assert (await shop.steps.apply(REQUEST)).changed
    assert not (await shop.steps.apply(REQUEST)).changed


async def test_what_was_applied_between_look_and_fetch_makes_it_fetch_again() -> None:
    shop = Shop()

    def somebody_else_applies() -> None:
        shop.payments.payments["pi_1"] = (1, a_payment(PaymentState.authorised))

    shop.provider.script = [somebody_else_applies]
    applied = await shop.steps.apply(REQUEST)

    assert (applied.state, shop.provider.calls) == (PaymentState.captured, 2)


async def test_a_payment_that_keeps_changing_is_left_to_a_later_attempt() -> None:
    shop = Shop()

    def somebody_else_applies() -> None:
        version, _ = shop.payments.payments.get("pi_1", (0, None))
        shop.payments.payments["pi_1"] = (version + 1, a_payment())

    shop.provider.script = [somebody_else_applies] * 99
    with pytest.raises(ServiceUnavailable, match="kept changing"):
        await shop.steps.apply(REQUEST)


async def test_a_payment_that_the_provider_does_not_know_fails_for_good() -> None:
    with pytest.raises(NotFound):
        await Shop(FakeProvider()).steps.apply(REQUEST)


@pytest.mark.parametrize(
    ("state", "refunded", "template"),
    [
        (PaymentState.declined, 0, "payment-failed"),
        (PaymentState.refunded, 1250, "payment-refunded"),
        (PaymentState.partially_refunded, 250, "payment-refunded"),
    ],
)
async def test_the_customer_is_told_once_of_each_state(state: PaymentState, refunded: int, template: str) -> None:
    shop = Shop()
    applied = await shop.applied(state, refunded)

    assert (await shop.steps.notify(applied)).sent
    assert not (await shop.steps.notify(applied)).sent
    assert [mail.content.subject for mail in shop.mail.accepted] == [template]


async def test_a_second_partial_refund_is_told_as_well() -> None:
    shop = Shop()
    for refunded in (250, 500):
        await shop.steps.notify(await shop.applied(PaymentState.partially_refunded, refunded))
    assert len(shop.mail.accepted) == 2


async def test_nobody_reads_of_a_declined_payment_that_was_made_by_now() -> None:
    shop = Shop()
    declined = await shop.applied(PaymentState.declined)
    await shop.applied(PaymentState.captured)

    assert not (await shop.steps.notify(declined)).sent
    assert shop.mail.attempts == []


async def test_a_customer_without_an_address_is_not_written_to() -> None:
    shop = Shop(email=None)
    assert not (await shop.steps.notify(await shop.applied(PaymentState.declined))).sent
