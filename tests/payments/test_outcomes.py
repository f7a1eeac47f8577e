"""What a callback comes to: the order's state, the outcome of its job, and one mail each."""

from __future__ import annotations

from domain.outcomes import Declined, Done, Skipped
from domain.payments import PaymentState
from tests.payments.conftest import Serving
from tests.payments.shop import Shop, one_each

S = PaymentState


async def test_each_state_of_a_payment_comes_to_its_outcome_and_to_one_mail(shop: Shop, serving: Serving) -> None:
    async with serving():
        orders = {state: await shop.order() for state in S}
        payments = {state: await shop.payment(order, state) for state, order in orders.items()}
        outcomes = {state: await shop.ends(await shop.hears(payment)) for state, payment in payments.items()}
        for payment in payments.values():
            await shop.ends(await shop.hears(payment, f"evt_again_{payment}"))
        await shop.idle()

        mails = {state: await shop.mails(order) for state, order in orders.items()}
        paid = {state for state, order in orders.items() if await shop.paid_at(order)}

    money = [S.captured, S.partially_refunded, S.refunded, S.disputed]
    assert outcomes == {
        S.pending: Skipped(reason="payment-not-decided-yet"),
        S.authorised: Skipped(reason="payment-not-decided-yet"),
        S.declined: Declined(reason="payment-declined"),
        S.cancelled: Declined(reason="payment-cancelled"),
        **{state: Done(reference=f"{payments[state]}/{state}") for state in money},
    }
    assert paid == {S.captured, S.partially_refunded, S.disputed}

    def notice(state: PaymentState, refunded: int) -> str:
        return f"payment-notice/{payments[state]}/{state}/{refunded}"

    assert {state: mails[state] for state in S if mails[state]} == {
        S.captured: one_each([f"order-confirmation/{orders[S.captured]}"]),
        S.disputed: one_each([f"order-confirmation/{orders[S.disputed]}"]),
        S.declined: one_each([notice(S.declined, 0)]),
        S.refunded: one_each([notice(S.refunded, 1250)]),
        S.partially_refunded: one_each(
            [f"order-confirmation/{orders[S.partially_refunded]}", notice(S.partially_refunded, 625)]
        ),
    }
