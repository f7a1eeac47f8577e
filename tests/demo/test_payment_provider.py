"""The payment provider speaks Stripe's interface, as Stripe's own library sees it, and calls shops back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import TypeVar

import httpx
import pytest
import stripe
from standardwebhooks import Webhook, WebhookVerificationError

from demo.payments.provider import API_KEY, WEBHOOK_SECRET, callback
from demo.stack import Stack
from domain.payments import PaymentState
from tests.payment_provider import ProviderController

S = PaymentState
ResultT = TypeVar("ResultT")


@pytest.fixture
def stripes_own(stack: Stack) -> Iterator[stripe.StripeClient]:
    http = stripe.RequestsClient()
    yield stripe.StripeClient(
        API_KEY, base_addresses={"api": stack.payments_url}, http_client=http, max_network_retries=0
    )
    http.close()


async def ask(call: Callable[[], ResultT]) -> ResultT:
    """Stripe's library blocks."""
    return await asyncio.to_thread(call)


async def test_stripes_own_library_understands_it(
    stripes_own: stripe.StripeClient, provider: ProviderController
) -> None:
    api = stripes_own.v1
    made, again = [
        await ask(
            lambda: api.payment_intents.create(
                {"amount": 100, "currency": "eur", "metadata": {"order_id": "1042"}}, {"idempotency_key": "order-1042"}
            )
        )
        for _ in range(2)
    ]
    assert (again.id, again.metadata["order_id"], again.status) == (made.id, "1042", "requires_payment_method")

    for state in (S.captured, S.partially_refunded, S.disputed):
        await provider.move(made.id, state)
    found = await ask(lambda: api.payment_intents.retrieve(made.id, {"expand": ["latest_charge"]}))
    disputes = await ask(lambda: api.disputes.list({"payment_intent": made.id}))
    events = await ask(
        lambda: list(
            api.events.list({"limit": 1, "types": ["charge.refunded", "charge.dispute.created"]}).auto_paging_iter()
        )
    )

    assert isinstance(found.latest_charge, stripe.Charge)
    assert (found.status, found.latest_charge.amount_refunded, found.latest_charge.disputed) == ("succeeded", 50, True)
    assert [(dispute.status, dispute.amount) for dispute in disputes.data] == [("needs_response", 50)]
    assert [event.type for event in events] == ["charge.dispute.created", "charge.refunded"]


async def test_stripes_own_library_understands_its_refusals(
    stripes_own: stripe.StripeClient, provider: ProviderController, stack: Stack
) -> None:
    api = stripes_own.v1
    http = stripe.RequestsClient()
    stranger = stripe.StripeClient("sk_test_wrong", base_addresses={"api": stack.payments_url}, http_client=http).v1

    with pytest.raises(stripe.InvalidRequestError, match="No such payment_intent: 'pi_nobody'"):
        await ask(lambda: api.payment_intents.retrieve("pi_nobody"))
    with pytest.raises(stripe.AuthenticationError):
        await ask(lambda: stranger.payment_intents.retrieve("pi_nobody"))
    http.close()
    await provider.misbehave("answer", status=429)
    with pytest.raises(stripe.RateLimitError):
        await ask(lambda: api.payment_intents.retrieve("pi_nobody"))
    await ask(lambda: api.payment_intents.create({"amount": 1, "currency": "eur"}, {"idempotency_key": "one"}))
    with pytest.raises(stripe.IdempotencyError):
        await ask(lambda: api.payment_intents.create({"amount": 2, "currency": "eur"}, {"idempotency_key": "one"}))


async def test_it_misbehaves_for_the_calls_that_were_named(provider: ProviderController, stack: Stack) -> None:
    first, second = [(await provider.begin(order, 100)).id for order in (1, 2)]
    await provider.misbehave("answer", status=503, times=2, payment_id=first)
    await provider.misbehave("answer", status=500, times=None, path="/v1/events")
    paths = [f"/v1/payment_intents/{payment_id}" for payment_id in (first, second, first, first)]

    async with httpx.AsyncClient(
        base_url=stack.payments_url, headers={"Authorization": f"Bearer {API_KEY}"}, trust_env=False
    ) as http:
        statuses = [(await http.get(path)).status_code for path in (*paths, "/v1/events", "/v1/events")]
        await provider.behave()
        behaves = (await http.get("/v1/events")).status_code
        another_site = (await http.get("/v1/events", headers={"Host": "rebound.example.com"})).status_code

    assert (statuses, behaves, another_site) == ([503, 200, 503, 200, 500, 500], 200, 400)
    calls = [(call.payment_id, call.misbehaved) for call in (await provider.calls())[:4]]
    assert calls == [(first, "answer"), (second, None), (first, "answer"), (first, None)]


async def test_callbacks_are_signed_by_standard_webhooks(provider: ProviderController) -> None:
    payment_id = (await provider.begin(1042, 100)).id
    event = await provider.move(payment_id, S.captured)

    body, headers = callback(event, WEBHOOK_SECRET)
    late, wrong = callback(event, WEBHOOK_SECRET, clock_offset_s=-600)

    assert Webhook(WEBHOOK_SECRET).verify(body, headers) == json.loads(body)
    assert json.loads(body)["data"] == {"payment_id": payment_id}
    with pytest.raises(WebhookVerificationError, match="too old"):
        Webhook(WEBHOOK_SECRET).verify(late, wrong)
