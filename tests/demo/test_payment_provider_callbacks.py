"""The payment provider tells the shop what happened, as real ones do, and as forgers do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
import stripe
from standardwebhooks import Webhook, WebhookVerificationError

from demo.payments.controller import ProviderController
from demo.payments.keys import WEBHOOK_SECRET
from demo.ports import free_port
from demo.stack import Stack
from domain.payments import PaymentState
from tests.demo.callback_receiver import CallbackReceiver, Received

S = PaymentState


@pytest.fixture
async def shop(provider: ProviderController) -> AsyncIterator[CallbackReceiver]:
    """Is told of everything that happens from now on."""
    async with CallbackReceiver() as receiver:
        await provider.callbacks(url=receiver.url, first_wait=0)
        yield receiver
        await provider.clear()


async def captured(provider: ProviderController, *orders: int) -> list[str]:
    """Ids of the payments that were begun and captured, of which the shop was told."""
    ids = [(await provider.begin(order, 100)).id for order in orders]
    for payment_id in ids:
        await provider.move(payment_id, S.captured)
    return ids


def verified(callback: Received) -> dict[str, object]:
    told = Webhook(WEBHOOK_SECRET).verify(callback.body, callback.headers)
    assert isinstance(told, dict)
    return told


def verified_by_stripe(callback: Received) -> stripe.Event:
    event = stripe.Webhook.construct_event(callback.body, callback.headers["stripe-signature"], WEBHOOK_SECRET)
    assert isinstance(event, stripe.Event)
    return event


async def test_a_callback_is_signed_by_standard_webhooks(provider: ProviderController, shop: CallbackReceiver) -> None:
    [payment_id] = await captured(provider, 1042)
    await provider.idle()
    begun, moved = await provider.events()

    told = [verified(callback) for callback in shop.received]

    assert [(body["id"], body["type"], body["data"]) for body in told] == [
        (begun.id, "payment.pending", {"payment_id": payment_id}),
        (moved.id, "payment.captured", {"payment_id": payment_id}),
    ]
    assert [callback.headers["webhook-id"] for callback in shop.received] == [begun.id, moved.id]


async def test_a_callback_is_signed_in_stripes_manner_where_that_is_wanted(
    provider: ProviderController, shop: CallbackReceiver
) -> None:
    await provider.callbacks(scheme="stripe")
    [payment_id] = await captured(provider, 1042)
    await provider.idle()

    told = [verified_by_stripe(callback) for callback in shop.received]

    assert [event.type for event in told] == ["payment_intent.created", "payment_intent.succeeded"]
    assert [event.data.object["id"] for event in told] == [payment_id, payment_id]


async def test_a_forged_callback_is_known_by_its_signature(
    provider: ProviderController, shop: CallbackReceiver
) -> None:
    await captured(provider, 1042)
    event_ids = [event.id for event in await provider.events()]
    await provider.idle()
    shop.received.clear()

    await provider.send(event_ids, forged=True)
    await provider.send(event_ids, forged=True, scheme="stripe")
    await provider.send(event_ids)
    await provider.idle()

    signed = [callback for callback in shop.received if "webhook-id" in callback.headers]
    by_stripe = [callback for callback in shop.received if "stripe-signature" in callback.headers]
    genuine = 0
    for callback in signed:
        try:
            genuine += bool(verified(callback))
        except WebhookVerificationError as exc:
            assert str(exc) == "No matching signature found"  # noqa: PT017  # some are genuine
    assert (len(signed), genuine) == (4, 2)
    assert len(by_stripe) == 2
    for callback in by_stripe:
        with pytest.raises(stripe.SignatureVerificationError, match="No signatures found matching"):
            verified_by_stripe(callback)


async def test_a_clock_that_goes_wrong_shows_in_the_time_that_was_signed(
    provider: ProviderController, shop: CallbackReceiver
) -> None:
    await captured(provider, 1042)
    event_id = (await provider.events())[-1].id
    await provider.idle()
    shop.received.clear()

    for offset in (-600, 600, -200):
        await provider.send([event_id], clock_offset=offset)
        await provider.idle()

    late, early, near = shop.received
    with pytest.raises(WebhookVerificationError, match="too old"):
        verified(late)
    with pytest.raises(WebhookVerificationError, match="too new"):
        verified(early)
    assert verified(near)["id"] == event_id


async def test_a_callback_is_sent_again_under_the_same_id_until_the_shop_takes_it(
    provider: ProviderController, shop: CallbackReceiver
) -> None:
    shop.answers.extend([503, 302, 204])
    await provider.begin(1042, 100)
    await provider.idle()

    assert [delivery.status for delivery in await provider.deliveries()] == [503, 302, 204]
    assert len({callback.headers["webhook-id"] for callback in shop.received}) == 1
    assert len({verified(callback)["id"] for callback in shop.received}) == 1


async def test_a_shop_that_is_away_is_given_up_after_the_last_attempt(
    provider: ProviderController, shop: CallbackReceiver
) -> None:
    await provider.callbacks(url=f"http://127.0.0.1:{free_port()}", attempts=3)
    await provider.begin(1042, 100)
    await provider.idle()

    assert [(delivery.attempt, delivery.taken) for delivery in await provider.deliveries()] == [
        (1, False),
        (2, False),
        (3, False),
    ]
    assert shop.received == []


async def test_a_callback_can_come_twice_and_late(provider: ProviderController, shop: CallbackReceiver) -> None:
    await provider.callbacks(copies=2, delay=0.05)
    await provider.begin(1042, 100)
    await provider.idle()

    assert len(shop.received) == 2
    assert shop.received[0].body == shop.received[1].body


async def test_callbacks_that_are_held_come_in_another_order(
    provider: ProviderController, shop: CallbackReceiver
) -> None:
    await provider.callbacks(hold=True)
    await captured(provider, 1, 2, 3)
    happened = [event.id for event in await provider.events()]
    await provider.idle()
    assert shop.received == []

    await provider.release("reversed")
    await provider.idle()
    assert [callback.headers["webhook-id"] for callback in shop.received] == happened[::-1]

    shop.received.clear()
    await provider.callbacks(hold=True)
    await captured(provider, *range(4, 14))
    await provider.release("shuffled")
    await provider.idle()
    assert {callback.headers["webhook-id"] for callback in shop.received} == {
        event.id for event in (await provider.events())[len(happened) :]
    }


async def test_the_provider_knows_the_shop_after_its_restart(shop: CallbackReceiver, stack: Stack) -> None:
    assert stack.payments is not None
    await asyncio.to_thread(stack.payments.kill)
    await asyncio.to_thread(stack.payments.start)

    async with ProviderController(stack.payments_url) as again:
        await again.begin(1042, 100)
        await again.idle()

    assert len(shop.received) == 1


async def test_every_state_has_a_callback(provider: ProviderController, shop: CallbackReceiver) -> None:
    payment_id = (await provider.begin(1042, 100)).id
    for state in S:
        await provider.move(payment_id, state)
        await provider.idle()

    told = [json.loads(callback.body)["type"] for callback in shop.received]

    assert told == ["payment.pending", *(f"payment.{state.name}" for state in S)]


async def test_a_shop_that_gave_no_url_is_told_nothing(provider: ProviderController, shop: CallbackReceiver) -> None:
    await provider.callbacks(url=None)
    await captured(provider, 1042)
    await provider.idle()

    assert shop.received == []
    assert len(await provider.events()) == 2
