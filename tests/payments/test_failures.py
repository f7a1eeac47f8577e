"""A provider that misbehaves: what passes is tried again as the policy says, what does not fails at once, and nothing
is half done.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHistory

from domain.outcomes import Done
from domain.payments import PaymentState
from tests.payment_provider import HeldPayment
from tests.payments.conftest import Serving
from tests.payments.shop import CURRENCY, TOTAL, Shop, one_each
from workflows.interceptor import ERROR_TYPE

S = PaymentState

_PERMANENT = {
    400: ("InvalidRequest", "Start the job again with a request that fits its kind"),
    401: ("AuthenticationFailed", "Correct the credentials in the worker's settings"),
    403: ("PermissionDenied", "Have the permission granted"),
    404: ("NotFound", "Mend the cause, then redrive the job."),
}

_PASSING: dict[str, list[dict[str, Any]]] = {
    "away for four attempts": [{"kind": "answer", "status": 503, "times": 4}],
    "away for five attempts": [
        {"kind": "answer", "status": 502, "content_type": "text/html", "body": "<h1>", "times": 5}
    ],
    "silent": [{"kind": "hang", "times": 2}],
    "broken off after it read the request": [{"kind": "cut"}],
    "broken off in the middle of its answer": [{"kind": "cut-midway"}],
    "no JSON": [{"kind": "answer", "status": 200, "body": '{"object": "payment_int'}],
    "another page": [{"kind": "answer", "status": 200, "body": "<html>", "content_type": "text/html"}],
    "an object without what it needs": [
        {"kind": "answer", "status": 200, "body": json.dumps({"object": "payment_intent"})}
    ],
    "a proxy's 404": [{"kind": "answer", "status": 404, "body": "not found", "content_type": "text/plain"}],
}


async def test_a_provider_that_is_out_of_order_for_a_while_costs_attempts_and_nothing_else(
    shop: Shop, serving: Serving
) -> None:
    jobs, orders = {}, {}
    async with serving():
        for name, rules in _PASSING.items():
            orders[name] = await shop.order()
            payment = await shop.payment(orders[name], S.captured)
            for rule in rules:
                await shop.provider.misbehave(payment_id=payment, **rule)
            jobs[name] = await shop.hears(payment)
        outcomes = {name: await shop.ends(job) for name, job in jobs.items()}
        await shop.idle()
        mails = {name: await shop.mails(order) for name, order in orders.items()}

    assert outcomes == {name: Done(reference=f"{job.payment_id}/captured") for name, job in jobs.items()}
    assert mails == {name: one_each([f"order-confirmation/{order}"]) for name, order in orders.items()}
    for name, rules in _PASSING.items():
        failing = sum(rule.get("times", 1) for rule in rules)
        assert await shop.calls(jobs[name].payment_id) == failing + 1, name


async def test_no_wait_is_shorter_than_the_provider_asks_for(shop: Shop, serving: Serving, client: Client) -> None:
    async with serving():
        payment = await shop.payment(await shop.order(), S.captured)
        for status, seconds in ((429, "2"), (503, "1")):
            await shop.provider.misbehave("answer", payment_id=payment, status=status, headers={"Retry-After": seconds})
        job = await shop.hears(payment)
        assert (await shop.ends(job)).outcome == "done"

    history = await client.get_workflow_handle(job.workflow_id).fetch_history()
    assert waits(history) == [timedelta(seconds=2), timedelta(seconds=1)]


def waits(history: WorkflowHistory) -> list[timedelta]:
    """The wait after the local try, and the one before the attempt that a regular activity ended with."""
    timer, started = (
        next(event for event in history.events if event.event_type == kind)
        for kind in (EventType.EVENT_TYPE_TIMER_STARTED, EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED)
    )
    last = started.activity_task_started_event_attributes.last_failure.application_failure_info
    return [
        timer.timer_started_event_attributes.start_to_fire_timeout.ToTimedelta(),
        last.next_retry_delay.ToTimedelta(),
    ]


async def test_what_the_provider_refuses_fails_at_once_and_says_what_to_do(
    shop: Shop, serving: Serving, client: Client
) -> None:
    async with serving():
        for status, (error_type, remedy) in _PERMANENT.items():
            order = await shop.order()
            payment = await shop.payment(order, S.captured)
            await shop.provider.misbehave("answer", payment_id=payment, status=status, times=None)
            job = await shop.hears(payment)

            failed = await shop.fails(job)
            described = await client.get_workflow_handle(job.workflow_id).describe()

            assert (failed.error_type, described.typed_search_attributes[ERROR_TYPE]) == (error_type, error_type)
            assert f"{status} from the payment provider for payment {payment} (request req_" in failed.message
            assert remedy in failed.message
            assert f"Redrive: `python -m starter dead redrive {job.workflow_id}`" in failed.message
            assert await shop.calls(payment) == 1
            assert ((await shop.known(payment)).version, await shop.paid_at(order)) == (0, None)


@pytest.mark.parametrize("applied", [False, True], ids=["never heard of", "known"])
async def test_a_payment_that_does_not_fit_is_never_applied_and_leaves_nothing_half_done(
    shop: Shop, serving: Serving, *, applied: bool
) -> None:
    other = await shop.order()
    unfit: dict[str, tuple[dict[str, Any], str]] = {
        "amount": ({"amount": 9}, f"it is over 9 {CURRENCY}, order {{order}} over {TOTAL} {CURRENCY}"),
        "currency": ({"currency": "EUR"}, f"it is over {TOTAL} EUR, order {{order}} over {TOTAL} {CURRENCY}"),
        "someone's order": ({"metadata": {"order_id": "42"}}, "there is no order 42"),
        "no order": ({"metadata": {}}, "does not say which order it is for"),
        "not an order": ({"metadata": {"order_id": "42 OR 1=1"}}, "does not say which order it is for"),
    }
    if applied:
        unfit["another order"] = ({"metadata": {"order_id": str(other)}}, "it was for order {order} before")
        unfit["back to the start"] = ({"state": S.pending}, "says pending, which cannot follow captured")
    started = set()
    async with serving():
        for name, (change, why) in unfit.items():
            order = await shop.order()
            payment = await shop.payment(order, S.captured)
            if applied:
                started |= {(await shop.hears(payment, f"evt_first_{payment}")).workflow_id}
                await shop.ends(f"order-confirmation/{order}")
                started |= {f"order-confirmation/{order}"}
            before = await shop.known(payment)
            (held,) = [held for held in await shop.provider.payments() if held.id == payment]
            await shop.provider.misbehave("answer", payment_id=payment, status=200, body=changed(held, change))
            job = await shop.hears(payment)

            failed = await shop.fails(job)

            assert failed.error_type == "Conflict", name
            assert f"Payment {payment} is not applied: " in failed.message
            assert why.format(order=order) in failed.message
            assert await shop.known(payment) == before
            started |= {job.workflow_id}
        unknown = await shop.fails(await shop.hears("pi_never_heard_of", "evt_unknown"))
        await shop.idle()
        runs = await shop.job_ids()

    assert unknown.error_type == "NotFound"
    assert await shop.paid_at(other) is None
    assert runs == one_each([*started, "payment-callback/evt_unknown"]), "nothing followed"


def changed(held: HeldPayment, change: dict[str, Any]) -> str:
    """What the provider answers for a payment that was changed behind its back."""
    return json.dumps(replace(held, **change).intent())


async def test_an_order_that_is_paid_twice_is_a_matter_for_a_person_until_one_went_back(
    shop: Shop, serving: Serving
) -> None:
    order = await shop.order()
    first, second = [await shop.payment(order, S.captured) for _ in range(2)]
    async with serving():
        await shop.ends(await shop.hears(first))
        failed = await shop.fails(twice := await shop.hears(second))
        assert failed.error_type == "Conflict"
        assert f"order {order} is paid by {first} already: refund one of them" in failed.message
        assert (await shop.known(second)).version == 0

        await shop.provider.move(first, S.refunded)
        await shop.ends(await shop.hears(first))
        await shop.jobs.start(twice, restart=True)
        assert await shop.ends(twice) == Done(reference=f"{second}/captured")
        await shop.idle()

        assert await shop.mails(order) == one_each(
            [f"order-confirmation/{order}", f"payment-notice/{first}/refunded/{TOTAL}"]
        )
