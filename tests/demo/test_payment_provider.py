"""The demo's payment provider speaks Stripe's interface, keeps its payments, and does what it is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import TypeVar

import httpx
import pytest
import stripe

from demo.payments.book import Book
from demo.payments.controller import ProviderController
from demo.payments.keys import API_KEY
from demo.stack import Stack
from domain.payments import PaymentState

S = PaymentState
ResultT = TypeVar("ResultT")


@pytest.fixture
def stripes_own(stack: Stack) -> Iterator[stripe.StripeClient]:
    """Stripe's library, which nobody here wrote."""
    http = stripe.RequestsClient()
    yield stripe.StripeClient(
        API_KEY, base_addresses={"api": stack.payments_url}, http_client=http, max_network_retries=0
    )
    http.close()  # type: ignore[no-untyped-call]  # theirs


@pytest.fixture
async def browser(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=stack.payments_url, trust_env=False) as client:
        yield client


async def ask(call: Callable[[], ResultT]) -> ResultT:
    """Stripe's library blocks."""
    return await asyncio.to_thread(call)


async def test_stripes_own_library_understands_it(
    stripes_own: stripe.StripeClient, provider: ProviderController
) -> None:
    api = stripes_own.v1
    made = await ask(
        lambda: api.payment_intents.create(
            {"amount": 100, "currency": "eur", "metadata": {"order_id": "1042"}}, {"idempotency_key": "order-1042"}
        )
    )
    again = await ask(
        lambda: api.payment_intents.create(
            {"amount": 100, "currency": "eur", "metadata": {"order_id": "1042"}}, {"idempotency_key": "order-1042"}
        )
    )
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
    stranger = stripe.StripeClient("sk_test_wrong", base_addresses={"api": stack.payments_url}).v1

    with pytest.raises(stripe.InvalidRequestError, match="No such payment_intent: 'pi_nobody'"):
        await ask(lambda: api.payment_intents.retrieve("pi_nobody"))
    with pytest.raises(stripe.AuthenticationError):
        await ask(lambda: stranger.payment_intents.retrieve("pi_nobody"))
    await provider.misbehave("answer", status=429)
    with pytest.raises(stripe.RateLimitError):
        await ask(lambda: api.payment_intents.retrieve("pi_nobody"))
    await ask(lambda: api.payment_intents.create({"amount": 1, "currency": "eur"}, {"idempotency_key": "one"}))
    with pytest.raises(stripe.IdempotencyError):
        await ask(lambda: api.payment_intents.create({"amount": 2, "currency": "eur"}, {"idempotency_key": "one"}))


async def test_what_was_told_for_some_calls_holds_for_these_alone(
    provider: ProviderController, browser: httpx.AsyncClient
) -> None:
    browser.headers["Authorization"] = f"Bearer {API_KEY}"
    first, second = [(await provider.begin(order, 100)).id for order in (1, 2)]
    await provider.misbehave("answer", status=503, times=2, payment_id=first)
    await provider.misbehave("answer", status=500, times=None, path="/v1/events")

    async def status(path: str) -> int:
        return (await browser.get(path)).status_code

    paths = [f"/v1/payment_intents/{payment_id}" for payment_id in (first, second, first, first)]
    assert [await status(path) for path in paths] == [503, 200, 503, 200]
    assert [await status("/v1/events") for _ in range(3)] == [500, 500, 500]
    await provider.behave()
    assert await status("/v1/events") == 200
    calls = await provider.calls()
    assert [(call.payment_id, call.misbehaved) for call in calls[:4]] == [
        (first, "answer"),
        (second, None),
        (first, "answer"),
        (first, None),
    ]


@pytest.mark.parametrize("end", ["kill", "stop"])
async def test_payments_survive_the_providers_end(provider: ProviderController, stack: Stack, end: str) -> None:
    payment_id = (await provider.begin(1042, 100)).id
    await provider.move(payment_id, S.partially_refunded, refunded=30)
    before = (await provider.payments(), await provider.events())
    assert stack.payments is not None

    await asyncio.to_thread(getattr(stack.payments, end))
    await asyncio.to_thread(stack.payments.start)

    async with ProviderController(stack.payments_url) as again:
        assert (await again.payments(), await again.events()) == before


def test_a_line_that_a_kill_cut_off_is_left_out(tmp_path: Path) -> None:
    book = Book(tmp_path)
    payment, _ = book.begin(100, "EUR", {}, key="one", asked="this")
    with (tmp_path / "payments.jsonl").open("a") as file:
        file.write('{"payment": {"id": "pi_2"')

    again = Book(tmp_path)
    again.move(payment.id, S.captured)

    last = Book(tmp_path)
    assert [held.state for held in last.payments.values()] == [S.captured]
    assert last.answers.keys() == {"one"}
    for each in (book, again, last):
        each.close()


async def test_the_page_shows_payments_and_puts_them_into_another_state(
    provider: ProviderController, browser: httpx.AsyncClient
) -> None:
    assert "No payment yet." in (await browser.get("/")).text
    payment_id = (await provider.begin("<1042>", 12_345)).id

    page = (await browser.get("/")).text
    assert "order &lt;1042&gt;" in page
    assert '<button name="state" value="captured">' in page
    done = await browser.post(f"/payments/{payment_id}", data={"state": "captured"})

    assert done.status_code == 303
    assert [payment.state for payment in await provider.payments()] == [S.captured]
    assert 'data-state="captured"' in (await browser.get("/")).text


async def test_other_sites_in_the_browser_cannot_reach_it(
    provider: ProviderController, browser: httpx.AsyncClient
) -> None:
    payment_id = (await provider.begin(1042, 100)).id

    by_form = await browser.post(
        f"/payments/{payment_id}", data={"state": "captured"}, headers={"Sec-Fetch-Site": "cross-site"}
    )
    by_name = await browser.get("/control/payments", headers={"Host": "rebound.example.com"})

    assert (by_form.status_code, by_name.status_code) == (403, 400)
    assert [payment.state for payment in await provider.payments()] == [S.pending]


@pytest.mark.parametrize(
    ("path", "told", "status"),
    [
        ("/control/payments", {"amount": 0, "currency": "EUR", "metadata": {}}, 422),
        ("/control/payments/pi_nobody/state", {"state": "captured"}, 404),
        ("/control/payments/{}/state", {"state": "lost"}, 422),
        ("/control/payments/{}/state", {"state": "partially-refunded", "refunded": 100}, 422),
        ("/control/misbehaviour", {"kind": "explode"}, 422),
        ("/control/callbacks/send", {"event_ids": [], "settings": {"forget": True}}, 422),
        ("/payments/{}", {"state": "captured"}, 404),
    ],
)
async def test_nonsense_is_refused(
    provider: ProviderController, browser: httpx.AsyncClient, path: str, told: dict[str, object], status: int
) -> None:
    payment_id = (await provider.begin(1042, 100)).id

    assert (await browser.post(path.format(payment_id), json=told)).status_code == status
    assert len(await provider.events()) == 1
