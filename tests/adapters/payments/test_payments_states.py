"""A payment is what the provider says of it, in the shop's words."""

from __future__ import annotations

import pytest

from adapters.payments.provider import StripePayments
from domain.errors import InvalidRequest, NotFound, OutcomeUnknown, ServiceUnavailable
from domain.payments import PaymentState
from tests.adapters.payments.conftest import MakePayments
from tests.payment_provider import ProviderController

S = PaymentState


@pytest.mark.parametrize(
    ("ways", "state", "refunded"),
    [
        ([S.captured, S.partially_refunded], S.partially_refunded, 50),
        ([S.authorised, S.captured, S.partially_refunded, S.refunded], S.refunded, 100),
        ([S.declined, S.pending], S.pending, 0),
        ([S.captured, S.partially_refunded, S.disputed], S.disputed, 50),
        ([S.captured, S.disputed, S.captured], S.captured, 0),  # won
        ([S.captured, S.disputed, S.refunded], S.refunded, 100),  # lost
        ([S.captured, S.partially_refunded, S.disputed, S.partially_refunded], S.partially_refunded, 50),  # won
        ([S.captured, S.partially_refunded, S.disputed, S.refunded], S.refunded, 100),  # lost
        ([S.authorised, S.cancelled], S.cancelled, 0),
        ([S.refunded, S.captured], S.captured, 0),  # the customer's bank sent the refund back
    ],
)
async def test_what_went_back_is_counted_whichever_way_it_went(
    payments: StripePayments, provider: ProviderController, ways: list[S], state: S, refunded: int
) -> None:
    payment_id = (await provider.begin(1042, 100)).id
    for way in ways:
        await provider.move(payment_id, way)

    found = await payments.get(payment_id)

    assert (found.state, found.refunded, found.amount) == (state, refunded, 100)


@pytest.mark.parametrize(
    ("told", "order_id"),
    [
        ("1042", 1042),
        (str(2**63 - 1), 2**63 - 1),
        (None, None),
        *((odd, None) for odd in ("0", "-1", "1042x", "١٠٤٢", str(2**63))),
    ],
)
async def test_an_order_is_read_where_the_provider_was_told_one(
    payments: StripePayments, provider: ProviderController, told: str | None, order_id: int | None
) -> None:
    payment_id = (await provider.begin(told, 100)).id

    assert (await payments.get(payment_id)).order_id == order_id


@pytest.mark.parametrize(
    ("currency", "there", "here"),
    [("EUR", 1234, 1234), ("JPY", 500, 500), ("KWD", 5120, 5120), ("ISK", 50_000, 500), ("MGA", 500, 50_000)],
)
async def test_amounts_are_in_the_smallest_unit_that_a_currency_has(
    payments: StripePayments, provider: ProviderController, currency: str, there: int, here: int
) -> None:
    found = await payments.get((await provider.begin(1042, there, currency)).id)
    made = await payments.create(1043, here, currency)

    assert (found.amount, found.currency) == (here, currency)
    assert (made.amount, made.currency, made.order_id) == (here, currency, 1043)
    assert [payment.amount for payment in await provider.payments()] == [there, there]


async def test_an_amount_that_a_currency_does_not_have_is_refused(
    payments: StripePayments, provider: ProviderController
) -> None:
    payment_id = (await provider.begin(1042, 50_001, "ISK")).id

    with pytest.raises(ServiceUnavailable, match="an amount that its currency does not have"):
        await payments.get(payment_id)
    with pytest.raises(InvalidRequest, match="hundredths"):
        await payments.create(1043, 50_001, "MGA")


@pytest.mark.parametrize("odd", ["", "..", "pi_1/../../control", "pi_1?x=1", "pi%2F1", "pi_1\r\nX: y"])
async def test_an_odd_id_is_not_found_without_asking(
    payments: StripePayments, provider: ProviderController, odd: str
) -> None:
    with pytest.raises(NotFound, match="no ids of this form"):
        await payments.get(odd)

    assert await provider.calls() == []


async def test_a_payment_for_an_order_is_begun_once_and_one_of_another_amount_is_refused(
    payments: StripePayments, provider: ProviderController
) -> None:
    first = await payments.create(1042, 12_345, "EUR")
    second = await payments.create(1042, 12_345, "EUR")

    assert first == second == await payments.get(first.id)
    assert len(await provider.payments()) == 1
    assert len({call.idempotency_key for call in await provider.calls() if call.method == "POST"}) == 1
    with pytest.raises(InvalidRequest):
        await payments.create(1042, 12_346, "EUR")
    assert [payment.amount for payment in await provider.payments()] == [12_345]


async def test_a_payment_whose_answer_got_lost_is_begun_once(
    make_payments: MakePayments, provider: ProviderController
) -> None:
    payments = make_payments(answer_timeout=0.5, call_timeout=1)
    await provider.misbehave("lost")
    with pytest.raises(OutcomeUnknown, match="it may have been done"):
        await payments.create(1042, 12_345, "EUR")
    await provider.misbehave("hang")
    with pytest.raises(OutcomeUnknown):
        await payments.create(1042, 12_345, "EUR")

    made = await payments.create(1042, 12_345, "EUR")

    assert [payment.id for payment in await provider.payments()] == [made.id]
