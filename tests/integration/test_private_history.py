"""History holds ids, never personal data: whole histories of jobs on the shop's own data are searched for it."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterator
from itertools import repeat
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from temporalio.client import Client, WorkflowFailureError

from adapters.db.orders import SqlOrders
from demo.data import shop
from domain.order_confirmation import OrderConfirmationRequest
from starter import JobDidNotComplete, Jobs
from tests.smtp_server import Drop, Phase, Reply, SmtpServer
from tests.starter.serving import becomes
from workflows.hosting import job_worker
from workflows.registry import registry

PERSONAL = sorted(shop.personal_values())


async def dumped(client: Client, job_id: str) -> str:
    """Everything Temporal keeps of a run, payloads decoded: history, description, and what is pending."""
    handle = client.get_workflow_handle(job_id)
    history = (await handle.fetch_history()).to_json_dict()
    described = MessageToDict((await handle.describe()).raw_description)
    return "\n".join([*texts(history), *texts(described)])


def texts(value: Any) -> Iterator[str]:
    """All texts within, keys included; the data of a payload is read as the JSON that it is."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from texts(_payload(inner) if key == "data" and isinstance(inner, str) else inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)
    else:
        yield str(value)


def _payload(data: str) -> Any:
    decoded = base64.b64decode(data).decode(errors="replace")
    try:
        return json.loads(decoded)
    except ValueError:
        return decoded


def personal_values_in(text: str) -> list[str]:
    return [value for value in PERSONAL if value in text]


def test_the_search_finds_every_personal_value_in_a_payload() -> None:
    payload = {"data": base64.b64encode(json.dumps({"all": PERSONAL}).encode()).decode()}

    assert personal_values_in("\n".join(texts({"failure": [payload]}))) == PERSONAL
    assert len(PERSONAL) > 400


async def test_no_history_holds_a_name_an_address_or_a_note(
    client: Client, mail_server: SmtpServer, ports: dict[type, object], orders: SqlOrders
) -> None:
    """Delivered, refused, retried, broken off and skipped jobs, and one whose last failure is still pending.

    The server quotes the address in all it says.
    """
    *chosen, put_off = shop.orders()[:61]
    chosen += [shop.order(shop.NO_ADDRESS), shop.order(shop.CONFIRMED)]
    await orders.add_all([*chosen, put_off])
    mail_server.script(str(put_off.customer.email), repeat(Reply(451, f"4.3.0 {put_off.customer.email} says later")))
    to_mail = [order for order in chosen if order.customer.email and not order.confirmation_sent_at]
    for number, order in enumerate(to_mail):
        address = str(order.customer.email)
        quoting = f"<{address}> {order.customer.name.encode('ascii', 'ignore').decode()} says no"
        match number % 5:
            case 1:
                mail_server.script(address, repeat(Reply(550, f"5.1.1 {quoting}")))
            case 2:
                mail_server.script(address, repeat(Reply(554, f"5.6.0 {quoting}", at=Phase.dot)))
            case 3:
                mail_server.script(address, [Reply(451, f"4.3.0 {quoting}")])
            case 4:
                mail_server.script(address, [Drop(at=Phase.dot)])
    jobs = Jobs(client)

    def second_soon(shortest: float, _longest: float) -> float:
        return 0.2 if shortest == 5 else 60

    async with job_worker(client, "notifications", registry, ports, draw=second_soon):
        handles = [await jobs.start(OrderConfirmationRequest, order_id=order.id) for order in [*chosen, put_off]]
        *ended, waiting = handles
        outcomes = await asyncio.gather(*(handle.result() for handle in ended), return_exceptions=True)
        await becomes(waiting, lambda status: status.attempt == 3)
        pending = await dumped(client, waiting.id)
        await waiting.cancel()

    failed = [outcome for outcome in outcomes if isinstance(outcome, JobDidNotComplete)]
    assert {outcome.error_type for outcome in failed} == {"RecipientRejected", "MessageRejected"}
    assert len(outcomes) - len(failed) >= len(to_mail) * 3 // 5
    assert mail_server.mails
    assert "451 4.3.0 at RCPT TO." in pending.partition("pendingActivities")[2]
    assert personal_values_in(pending) == []
    for handle in handles:
        assert personal_values_in(await dumped(client, handle.id)) == [], handle.id
    assert personal_values_in(" ".join(str(outcome) for outcome in failed)) == []


async def test_an_undecodable_request_is_not_quoted(client: Client, ports: dict[type, object]) -> None:
    """What someone put into the request stays there; nothing that we write repeats it."""
    spoiled = {"order_id": PERSONAL[0], "note": PERSONAL[-1], PERSONAL[1]: 1}
    async with job_worker(client, "notifications", registry, ports):
        handle = await client.start_workflow(
            "OrderConfirmation", spoiled, id="order-confirmation/spoiled", task_queue="notifications"
        )
        with pytest.raises(WorkflowFailureError):
            await handle.result()

    started, *later = (await handle.fetch_history()).to_json_dict()["events"]
    assert {PERSONAL[0], PERSONAL[1], PERSONAL[-1]} <= set(personal_values_in("\n".join(texts(started))))
    assert later[-1]["eventType"] == "EVENT_TYPE_WORKFLOW_EXECUTION_FAILED"
    assert personal_values_in("\n".join(texts(later))) == []
