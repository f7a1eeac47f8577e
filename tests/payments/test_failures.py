"""A provider that misbehaves: what passes is tried again as the policy says, what does not fails at once, and nothing
is half done.
"""

from __future__ import annotations

from typing import Any

from temporalio.client import Client

from domain.outcomes import Done
from domain.payments import PaymentState
from tests.payments.conftest import Serving
from tests.payments.shop import TOTAL, Shop, one_each
from workflows.interceptor import ERROR_TYPE

S = PaymentState

_PERMANENT = {
    400: ("InvalidRequest", "Start the job again with a request that fits its kind"),
    401: ("AuthenticationFailed", "Correct the credentials in the worker's settings"),
    404: ("NotFound", "Mend the cause, then redrive the job."),
}

_PASSING: dict[str, list[dict[str, Any]]] = {
    "away for four attempts": [{"kind": "answer", "status": 503, "times": 4}],
    "silent": [{"kind": "hang", "times": 2}],
    "broken off after it read the request": [{"kind": "cut"}],
    "no JSON": [{"kind": "answer", "status": 200, "body": '{"object": "payment_int'}],
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
