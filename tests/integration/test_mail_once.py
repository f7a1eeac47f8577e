"""One event, one mail: on real servers, whatever is started twice, breaks off or is killed."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

from adapters.db.orders import SqlOrders
from demo.stack import Stack
from domain.mail import message_id
from domain.order_confirmation import OrderConfirmationRequest
from domain.outcomes import Done
from starter import Jobs, JobState
from tests.fakes import an_order
from tests.smtp_server import Drop, Phase, Reply, SmtpServer
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


async def test_waits_and_attempts_of_a_failing_step_are_held_by_the_server_and_shown_by_the_cli(
    stack: Stack, client: Client, mail_server: SmtpServer, ports: dict[type, object], orders: SqlOrders
) -> None:
    await orders.add_all([an_order(1)])
    mail_server.script(ADDRESS, [Reply(451, "4.3.0 later")] * 3)

    def first_soon(low: float, _high: float) -> float:
        return 0.2 if low == 5 else 60

    async with job_worker(client, "notifications", registry, ports, draw=first_soon):
        handle = await Jobs(client).start(OrderConfirmationRequest, order_id=1)
        async with asyncio.timeout(30):
            while (await handle.status()).next_attempt_at is None:  # noqa: ASYNC110  # the server has no event for it
                await asyncio.sleep(0.1)
        status = await handle.status()
        described = await asyncio.to_thread(_describe, stack.temporal_address, client.namespace, handle.id)
    history = await client.get_workflow_handle(handle.id).fetch_history()
    await handle.cancel()

    assert (status.state, status.attempt, status.max_attempts) == (JobState.running, 3, 4)
    (pending,) = described["pendingActivities"]
    assert pending["activityType"]["name"] == "order_confirmation.confirm"
    assert pending["attempt"] == 2
    assert pending["lastFailure"]["message"] == "451 4.3.0 at RCPT TO."
    assert pending["lastFailure"]["applicationFailureInfo"]["type"] == "ServiceUnavailable"
    assert pending["maximumAttempts"] == 3
    timers = [e for e in history.events if e.event_type == EventType.EVENT_TYPE_TIMER_STARTED]
    assert len(timers) == 1, "the wait after the local try is the workflow's own"
    assert len(mail_server.mails) == 0


def _describe(address: str, namespace: str, job_id: str) -> dict[str, Any]:
    command = [
        str(Path(sysconfig.get_path("scripts")) / "temporal"),
        *("workflow", "describe", "--workflow-id", job_id),
        *("--address", address, "--namespace", namespace, "--output", "json"),
    ]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    described: dict[str, Any] = json.loads(done.stdout)
    return described
