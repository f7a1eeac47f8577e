"""The step by itself, behind fakes; its promises on real servers are shown in tests/integration."""

import pytest
from temporalio.testing import ActivityEnvironment

from activities.order_confirmation import OrderConfirmationActivities
from domain.errors import ServiceUnavailable
from domain.order_confirmation import Confirmation, OrderConfirmationRequest
from tests.fakes import FakeLedger, FakeMail, FakeOrders, FakeTemplates, an_order

REQUEST = OrderConfirmationRequest(order_id=1042)
KEY = "order-confirmation/1042"


class Confirming:
    """The step, with what it works on within reach."""

    def __init__(self, orders: FakeOrders, mail: FakeMail | None = None) -> None:
        self.orders = orders
        self.ledger = FakeLedger()
        self.mail = mail or FakeMail()
        self._step = OrderConfirmationActivities(orders, self.ledger, FakeTemplates(), self.mail).confirm

    async def run(self) -> Confirmation:
        return await ActivityEnvironment().run(self._step, REQUEST)


async def test_a_mail_is_claimed_sent_recorded_and_the_order_marked() -> None:
    confirming = Confirming(FakeOrders(an_order()))

    assert await confirming.run() == Confirmation(state="confirmed", delivery_key=KEY)

    assert confirming.ledger.answers == {KEY: "250 2.0.0"}
    assert [m.recipient for m in confirming.mail.accepted] == ["ada@example.com"]
    assert confirming.orders.orders[1042].confirmation_sent_at is not None


async def test_a_delivery_that_the_ledger_knows_is_not_sent_again_but_the_order_is_marked() -> None:
    confirming = Confirming(FakeOrders(an_order()))
    await confirming.ledger.record(KEY, "250 2.0.0")  # and then the worker was killed

    assert await confirming.run() == Confirmation(state="confirmed", delivery_key=KEY, repeated=True)

    assert confirming.mail.attempts == []
    assert confirming.orders.orders[1042].confirmation_sent_at is not None


async def test_a_claim_without_an_answer_is_taken_over_under_the_same_key() -> None:
    confirming = Confirming(FakeOrders(an_order()), FakeMail(ServiceUnavailable("451")))
    with pytest.raises(ServiceUnavailable):
        await confirming.run()

    await confirming.run()

    assert [m.delivery_key for m in confirming.mail.attempts] == [KEY] * 2
    assert confirming.ledger.claims[KEY] == 2


@pytest.mark.parametrize(
    ("orders", "state"),
    [
        (FakeOrders(), "order-not-found"),
        (FakeOrders(an_order(confirmed=True)), "already-confirmed"),
        (FakeOrders(an_order(email=None)), "no-address"),
    ],
    ids=["unknown", "confirmed", "no address"],
)
async def test_what_is_not_to_be_confirmed_claims_and_sends_nothing(orders: FakeOrders, state: str) -> None:
    confirming = Confirming(orders)

    assert (await confirming.run()).state == state

    assert not confirming.ledger.claims
    assert not confirming.mail.attempts


async def test_a_ledger_that_is_away_for_a_moment_after_the_ok_costs_no_second_mail() -> None:
    confirming = Confirming(FakeOrders(an_order()))
    record, failures = confirming.ledger.record, [ServiceUnavailable("restarting"), ServiceUnavailable("restarting")]

    async def flaky(key: str, answer: str) -> None:
        if failures:
            raise failures.pop()
        await record(key, answer)

    confirming.ledger.record = flaky  # type: ignore[method-assign]  # a fake that misbehaves

    assert (await confirming.run()).state == "confirmed"

    assert len(confirming.mail.accepted) == 1
    assert confirming.ledger.answers == {KEY: "250 2.0.0"}
