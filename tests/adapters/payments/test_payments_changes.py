"""What has changed at the provider is found without a callback."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from adapters.payments.provider import StripePayments
from domain.errors import ConnectionBroken, InvalidRequest, ServiceUnavailable
from domain.payments import Payment, PaymentState
from tests.adapters.payments.conftest import MakePayments
from tests.payment_provider import ProviderController

S = PaymentState

NOW = datetime.now(UTC)


async def changed(payments: StripePayments, since: datetime = NOW - timedelta(hours=1)) -> list[Payment]:
    return [payment async for payment in payments.changed_since(since)]


async def test_each_payment_that_changed_comes_once_as_it_is_now_the_oldest_change_first(
    payments: StripePayments, provider: ProviderController
) -> None:
    first, second, third = [(await provider.begin(order, 100)).id for order in (1, 2, 3)]
    await provider.move(third, S.captured)
    await provider.move(first, S.authorised)
    await provider.move(second, S.declined)
    await provider.move(first, S.captured)
    await provider.move(third, S.refunded)
    await provider.move(third, S.disputed)

    found = await changed(payments)

    assert [(payment.id, payment.state) for payment in found] == [
        (second, S.declined),
        (first, S.captured),
        (third, S.disputed),
    ]


async def test_what_changed_before_the_moment_does_not_come(
    payments: StripePayments, provider: ProviderController
) -> None:
    old, new = [(await provider.begin(order, 100)).id for order in (1, 2)]
    moment = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=10)
    await provider.move(old, S.captured, at=moment - timedelta(seconds=1))
    await provider.move(new, S.captured, at=moment)

    assert [payment.id for payment in await changed(payments, moment)] == [new]
    assert [payment.id for payment in await changed(payments, moment + timedelta(seconds=1))] == []


async def test_pages_are_followed_to_their_end(payments: StripePayments, provider: ProviderController) -> None:
    ids = [(await provider.begin(order, 100)).id for order in range(1, 52)]
    for state in (S.authorised, S.captured):
        for payment_id in ids:
            await provider.move(payment_id, state)

    found = await changed(payments)

    assert [payment.id for payment in found] == ids
    assert {payment.state for payment in found} == {S.captured}
    assert [call.path for call in await provider.calls()].count("/v1/events") == 2


async def test_a_list_without_an_end_is_given_up(payments: StripePayments, provider: ProviderController) -> None:
    payment_id = (await provider.begin(1042, 100)).id
    event = (await provider.events())[0].object
    page = {"object": "list", "data": [event], "has_more": True}
    await provider.misbehave("answer", status=200, body=json.dumps(page), path="/v1/events", times=None)

    with pytest.raises(ServiceUnavailable, match="does not end"):
        await changed(payments)
    await provider.behave()
    assert [payment.id for payment in await changed(payments)] == [payment_id]


async def test_one_that_is_unknown_is_left_out_and_one_that_cannot_be_fetched_fails_only_at_the_end(
    make_payments: MakePayments, provider: ProviderController
) -> None:
    first, broken, third, gone, last = [(await provider.begin(order, 100)).id for order in range(1, 6)]
    await provider.misbehave("cut", payment_id=broken)
    await provider.misbehave("answer", status=404, payment_id=gone)
    found = []

    async def look() -> None:
        async for payment in make_payments(connections=2).changed_since(NOW - timedelta(hours=1)):
            found.append(payment.id)  # noqa: PERF401  # it raises in the end

    with pytest.raises(ConnectionBroken):
        await look()
    assert found == [first, third, last]


async def test_events_about_no_payment_are_passed_over(payments: StripePayments, provider: ProviderController) -> None:
    payment_id = (await provider.begin(1042, 100)).id
    event = (await provider.events())[0].object
    others = [
        {**event, "id": f"evt_{number}", "data": {"object": about}}
        for number, about in enumerate(
            [
                {"object": "charge", "id": "ch_1", "payment_intent": None},
                {"object": "charge", "id": "ch_2"},
                {"object": "refund", "payment_intent": {"id": payment_id}},
            ]
        )
    ]
    page = {"object": "list", "data": others, "has_more": False}
    await provider.misbehave("answer", status=200, body=json.dumps(page), path="/v1/events")

    assert [payment.id for payment in await changed(payments)] == [payment_id]


async def test_a_moment_that_the_provider_has_forgotten_is_refused(
    payments: StripePayments, provider: ProviderController
) -> None:
    with pytest.raises(InvalidRequest, match="for 30 days: ask for a later moment"):
        await changed(payments, datetime.now(UTC) - timedelta(days=31))
    assert await provider.calls() == []
