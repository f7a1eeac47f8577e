"""One event, one mail: on real servers, whatever is started twice, breaks off or is killed."""

from __future__ import annotations

import asyncio

from temporalio.client import Client

from adapters.db.orders import SqlOrders
from domain.mail import message_id
from domain.order_confirmation import OrderConfirmationRequest
from domain.outcomes import Done
from starter import Jobs
from tests.fakes import an_order
from tests.smtp_server import Drop, Phase, SmtpServer
from workflows.hosting import job_worker
from workflows.registry import registry

ADDRESS = "ada@example.com"


async def test_a_confirmation_arrives_once_under_its_own_message_id_and_the_order_is_marked(
    client: Client, mail_server: SmtpServer, ports: dict[type, object], orders: SqlOrders
) -> None:
    await orders.add_all([an_order(1042)])
    jobs = Jobs(client)
    async with job_worker(client, "notifications", registry, ports):
        handles = await asyncio.gather(*(jobs.start(OrderConfirmationRequest, order_id=1042) for _ in range(10)))
        outcome = await handles[0].result()

    assert outcome == Done(reference="order-confirmation/1042")
    assert sum(handle.started for handle in handles) == 1
    (mail,) = mail_server.mails
    assert mail.parsed["Message-ID"] == message_id("order-confirmation/1042", "shop.example.com")
    assert "1042" in mail.parsed["Subject"]
    order = await orders.get(1042)
    assert order is not None
    assert order.confirmation_sent_at is not None


async def test_a_run_after_a_completed_one_finds_the_order_confirmed(
    client: Client, mail_server: SmtpServer, ports: dict[type, object], orders: SqlOrders
) -> None:
    """Temporal forgets a run after its retention; the database does not."""
    await orders.add_all([an_order(1)])
    async with job_worker(client, "notifications", registry, ports):
        for run in ("first", "later"):
            outcome = await client.execute_workflow(
                "OrderConfirmation",
                OrderConfirmationRequest(order_id=1),
                id=f"order-confirmation/1/{run}",
                task_queue="notifications",
                result_type=dict,
            )

    assert outcome == {"outcome": "skipped", "reason": "already-confirmed"}
    assert len(mail_server.mails) == 1


async def test_an_answer_that_got_lost_is_asked_for_again_under_the_same_message_id(
    client: Client, mail_server: SmtpServer, ports: dict[type, object], orders: SqlOrders
) -> None:
    """The one case that no protocol can settle: the receiver can tell the repetition by its Message-ID."""
    await orders.add_all([an_order(1)])
    mail_server.script(ADDRESS, [Drop(at=Phase.dot, accepted=True)])
    async with job_worker(client, "notifications", registry, ports, draw=lambda _low, _high: 0.2):
        handle = await Jobs(client).start(OrderConfirmationRequest, order_id=1)
        await handle.result()

    assert len(mail_server.mails) == 2
    assert len({mail.parsed["Message-ID"] for mail in mail_server.mails}) == 1
