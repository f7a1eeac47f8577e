"""A kind that was renamed: jobs, entries and histories of its earlier name are its own."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from pydantic import SecretStr
from sqlalchemy import text
from temporalio.client import Client, WorkflowHistory

from adapters.db import job_kinds
from adapters.db.outbox_relay import SqlOutbox
from adapters.settings import DatabaseSettings
from domain.errors import InvalidRequest
from domain.order_confirmation import OrderConfirmationRequest
from starter import Jobs
from starter.queries import JobFilter
from starter.relay import Relay
from starter.status import JobState
from tests.fakes import FakeMail, FakeOrders, an_order, fake_ports
from tests.histories.record import HISTORIES
from tests.outbox.shop import Shop
from workflows import hosting
from workflows.data_converter import data_converter
from workflows.hosting import job_replayer, job_worker
from workflows.kinds import Registry, RegistryError
from workflows.registry import registry

RENAMED = replace(registry.get("order-confirmation"), aliases=("order-mail",))


KINDS = Registry(RENAMED)


async def test_jobs_and_entries_of_the_earlier_name_run_and_are_not_started_twice(
    client: Client, shop: Shop, database: str
) -> None:
    jobs, mail = Jobs(client, kinds=KINDS), FakeMail(None, InvalidRequest("No such recipient"))
    ports = fake_ports(FakeOrders(*map(an_order, (1, 2, 3, 4))), mail=mail)
    relay = Relay(SqlOutbox(shop.engine, DatabaseSettings(url=SecretStr(database))), client, KINDS)
    async with job_worker(client, "notifications", KINDS, ports, sandbox=True):
        for order_id in (1, 2):
            request = OrderConfirmationRequest(order_id=order_id)
            under_way = await client.start_workflow(
                "OrderMail", request, id=f"order-mail/{order_id}", task_queue="notifications"
            )
            if order_id == 1:
                assert (await under_way.result())["outcome"] == "done"
            else:
                with pytest.raises(Exception, match="Workflow execution failed"):
                    await under_way.result()

        again = await jobs.start(OrderConfirmationRequest, order_id=1)
        failed = await jobs.start(OrderConfirmationRequest, order_id=2)
        anew = await jobs.start(OrderConfirmationRequest(order_id=2), restart=True)
        assert (await anew.result()).outcome == "done"

        async with shop.engine.begin() as connection:
            await connection.execute(
                text("INSERT INTO outbox (kind, payload) VALUES ('order-mail', '{\"order_id\": 3}')")
            )
            # As `jobs setup` of the code that renamed it tells the database.
            await job_kinds.sync(database, KINDS.requests())
            await connection.execute(text("SELECT enqueue_job('order-mail', '{\"order_id\": 4}')"))
        running = asyncio.create_task(relay.run())
        await shop.emptied()
        await relay.stop()
        await running
        for enqueued in ("order-confirmation/3", "order-confirmation/4"):
            assert (await jobs.of(enqueued).result()).outcome == "done"

    assert (again.id, again.started, again.state) == ("order-mail/1", False, JobState.completed)
    assert (failed.id, failed.started, failed.state) == ("order-mail/2", False, JobState.failed)
    assert (anew.id, anew.started) == ("order-confirmation/2", True)
    async with asyncio.timeout(30):
        while len(listed := await jobs.list(JobFilter(kind="order-confirmation"))) < 5:  # noqa: ASYNC110  # visibility
            await asyncio.sleep(0.1)
    assert {job.kind for job in listed} == {"order-confirmation"}
    assert len(mail.accepted) == 4


@pytest.mark.parametrize("sandboxed", [True, False])
async def test_histories_of_the_earlier_name_replay(*, sandboxed: bool) -> None:
    runner = hosting.sandboxed() if sandboxed else None
    for path in (HISTORIES / "order-confirmation").glob("*.json"):
        told = path.read_text(encoding="utf-8").replace('"name": "OrderConfirmation"', '"name": "OrderMail"')
        assert "OrderMail" in told
        await job_replayer(KINDS, data_converter, runner=runner).replay_workflow(WorkflowHistory.from_json("any", told))


def test_the_registry_knows_both_names_as_one() -> None:
    assert KINDS.name_of("OrderMail") == KINDS.name_of("OrderConfirmation") == "order-confirmation"
    assert KINDS.get("order-mail") is KINDS.get("order-confirmation")
    assert KINDS.names() == ["order-confirmation", "order-mail"]
    assert KINDS.names(["reports"]) == []


@pytest.mark.parametrize("alias", ["payment-notice", "order-confirmation", "Order", "order_mail"])
def test_an_earlier_name_that_is_anothers_or_none_at_all_is_refused(alias: str) -> None:
    with pytest.raises(RegistryError, match="alias"):
        Registry(registry.get("payment-notice"), replace(RENAMED, aliases=(alias,)))
    with pytest.raises(RegistryError, match="is what 'order-confirmation' was called before"):
        Registry(replace(RENAMED, aliases=("payment-notice",)), registry.get("payment-notice"))
