"""The steps by themselves, behind fakes; their promises on real servers are shown in tests/integration."""

import pytest
from temporalio.testing import ActivityEnvironment

from activities.order_confirmation import OrderConfirmationActivities
from domain.errors import NotFound, ServiceUnavailable
from domain.order_confirmation import OrderConfirmationRequest
from tests.fakes import FakeLedger, FakeMail, FakeOrders, FakeTemplates, an_order

REQUEST = OrderConfirmationRequest(order_id=1042)


def steps(orders: FakeOrders, ledger: FakeLedger, mail: FakeMail) -> OrderConfirmationActivities:
    return OrderConfirmationActivities(orders, ledger, FakeTemplates(), mail)


async def test_a_mail_is_claimed_sent_and_recorded_under_the_jobs_id() -> None:
    ledger, mail = FakeLedger(), FakeMail()

    sent = await ActivityEnvironment().run(steps(FakeOrders(an_order()), ledger, mail).send, REQUEST)

    assert (sent.delivery_key, sent.repeated) == ("order-confirmation/1042", False)
    assert ledger.answers == {"order-confirmation/1042": "250 2.0.0"}
    assert [m.recipient for m in mail.accepted] == ["ada@example.com"]


async def test_a_delivery_that_the_ledger_knows_is_not_sent_again() -> None:
    ledger, mail = FakeLedger(), FakeMail()
    send = steps(FakeOrders(an_order()), ledger, mail).send
    await ActivityEnvironment().run(send, REQUEST)

    again = await ActivityEnvironment().run(send, REQUEST)

    assert again.repeated
    assert len(mail.accepted) == 1


async def test_a_claim_without_an_answer_is_taken_over_under_the_same_key() -> None:
    ledger, mail = FakeLedger(), FakeMail(ServiceUnavailable("451"))
    send = steps(FakeOrders(an_order()), ledger, mail).send
    with pytest.raises(ServiceUnavailable):
        await ActivityEnvironment().run(send, REQUEST)

    await ActivityEnvironment().run(send, REQUEST)

    assert [m.delivery_key for m in mail.attempts] == ["order-confirmation/1042"] * 2
    assert ledger.claims["order-confirmation/1042"] == 2


@pytest.mark.parametrize("orders", [FakeOrders(), FakeOrders(an_order(email=None))], ids=["gone", "no address"])
async def test_an_order_that_vanished_on_the_way_is_a_permanent_failure(orders: FakeOrders) -> None:
    with pytest.raises(NotFound, match="removed"):
        await ActivityEnvironment().run(steps(orders, FakeLedger(), FakeMail()).send, REQUEST)
