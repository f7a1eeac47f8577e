"""The step of a mail about a payment, with fakes behind the ports."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from activities.payment_notice import PaymentNoticeActivities
from domain.payment_notice import Notice, PaymentNoticeRequest, notice_of
from domain.payments import PaymentState
from tests.fakes import FakeLedger, FakeMail, FakeOrders, FakeTemplates, an_order
from tests.fakes_payments import FakePayments, a_payment


class Shop:
    def __init__(self, email: str | None = "ada@example.com", paid_at: datetime | None = None) -> None:
        self.payments = FakePayments()
        self.mail = FakeMail()
        orders = FakeOrders(an_order(email=email).model_copy(update={"paid_at": paid_at}))
        self.steps = PaymentNoticeActivities(self.payments, orders, FakeLedger(), FakeTemplates(), self.mail)

    def asked(self, state: PaymentState, refunded: int = 0) -> PaymentNoticeRequest:
        """The payment has come to this state: the mail that it asks for."""
        payment = a_payment(state, refunded=refunded)
        self.payments.payments[payment.id] = (1, payment)
        request = notice_of(payment, version=1)
        assert request is not None
        return request

    async def tells(self, request: PaymentNoticeRequest) -> str:
        notice: Notice = await self.steps.tell(request)
        return notice.state


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
    request = shop.asked(state, refunded)

    assert [await shop.tells(request), await shop.tells(request)] == ["told", "told"]
    assert [mail.content.subject for mail in shop.mail.accepted] == [template]


async def test_each_further_part_that_goes_back_is_told_of() -> None:
    shop = Shop()
    for refunded in (250, 500):
        await shop.tells(shop.asked(PaymentState.partially_refunded, refunded))
    assert len(shop.mail.accepted) == 2


async def test_nobody_reads_of_a_declined_payment_that_was_made_by_now() -> None:
    shop = Shop()
    request = shop.asked(PaymentState.declined)
    shop.payments.payments["pi_1"] = (2, a_payment(PaymentState.captured))

    assert await shop.tells(request) == "payment-moved-on"
    assert shop.mail.attempts == []


@pytest.mark.parametrize(
    ("state", "refunded", "told"),
    [(PaymentState.declined, 0, "payment-moved-on"), (PaymentState.partially_refunded, 250, "told")],
)
async def test_whose_order_is_paid_in_another_way_is_not_asked_to_pay_again(
    state: PaymentState, refunded: int, told: str
) -> None:
    shop = Shop(paid_at=datetime(2026, 1, 2, 3, 5, tzinfo=UTC))
    assert await shop.tells(shop.asked(state, refunded)) == told


async def test_without_an_address_or_a_payment_nobody_is_written_to() -> None:
    shop = Shop(email=None)
    unknown = PaymentNoticeRequest(payment_id="pi_9", state="declined", refunded=0, version=1)
    assert await shop.tells(shop.asked(PaymentState.declined)) == "no-address"
    assert await shop.tells(unknown) == "payment-not-found"


def test_customers_hear_of_no_other_state() -> None:
    for state in set(PaymentState) - {"declined", "refunded", "partially-refunded"}:
        assert notice_of(a_payment(state), version=1) is None
