"""A kind whose runs stay with the version that began them, and how they are redriven."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio import workflow
from temporalio.api.workflowservice.v1 import SetWorkerDeploymentCurrentVersionRequest
from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.service import RPCError, RPCStatusCode

from activities.order_confirmation import OrderConfirmationActivities
from adapters.db.dead_letters import SqlDeadLetterRepository
from domain.dead_letters import Audit, DeadLetterFilter, DeadLetterRepository
from domain.errors import InvalidRequest
from domain.order_confirmation import OrderConfirmationRequest
from domain.outcomes import Done, Outcome
from starter import JobDidNotComplete, Jobs
from starter.dead_letters.redrive import Redriver, Result
from tests.fakes import FakeMail, FakeOrders, an_order, fake_ports
from workflows import steps
from workflows.data_converter import data_converter
from workflows.hosting import job_worker
from workflows.pausing import RESUME, Pauses, Target
from workflows.registry import registry

pytestmark = pytest.mark.long

KIND = "order-confirmation"


@workflow.defn(name="OrderConfirmation", versioning_behavior=VersioningBehavior.PINNED)
class Pinned:
    """A confirmation that stays with its version."""

    @workflow.run
    async def run(self, request: OrderConfirmationRequest) -> Outcome:
        return Done(reference=(await steps.run(OrderConfirmationActivities.confirm, request)).delivery_key)


@pytest.fixture
def letters(engine: AsyncEngine) -> SqlDeadLetterRepository:
    return SqlDeadLetterRepository(engine, alert_window=timedelta(hours=1))


async def set_current(client: Client, build_id: str) -> None:
    """Once the server knows of it."""
    request = SetWorkerDeploymentCurrentVersionRequest(
        namespace=client.namespace, deployment_name=client.namespace, build_id=build_id
    )
    async with asyncio.timeout(60):
        while True:
            try:
                await client.workflow_service.set_worker_deployment_current_version(request)
            except RPCError as exc:
                if exc.status not in (RPCStatusCode.NOT_FOUND, RPCStatusCode.FAILED_PRECONDITION):
                    raise
                await asyncio.sleep(0.1)
            else:
                return


async def begun(client: Client, order_id: int) -> None:
    handle = client.get_workflow_handle(f"{KIND}/{order_id}")
    async with asyncio.timeout(60):
        while (await handle.describe()).history_length < 4:  # noqa: ASYNC110  # the server sends no notice
            await asyncio.sleep(0.05)


async def result(client: Client, order_id: int) -> tuple[str, str]:
    """Its outcome or `failed`, and the version that it ended in."""
    handle = client.get_workflow_handle(f"{KIND}/{order_id}")
    async with asyncio.timeout(60):
        try:
            outcome: str = (await Jobs(client).of(handle.id).result()).outcome
        except JobDidNotComplete:
            outcome = "failed"
    versioning = (await handle.describe()).raw_description.workflow_execution_info.versioning_info
    override = versioning.versioning_override.pinned.version.build_id
    return outcome, override or versioning.deployment_version.build_id


async def test_a_pinned_job_stays_with_its_version_and_is_redriven_in_the_current_one(
    client: Client, letters: SqlDeadLetterRepository
) -> None:
    orders, pauses = FakeOrders(*map(an_order, (1, 2, 3))), Pauses()
    # Not the starter's client: an eager start would go past the routing.
    address = client.service_client.config.target_host
    apart = await Client.connect(address, namespace=client.namespace, data_converter=data_converter)
    kind = replace(registry.get(KIND), workflow=Pinned)
    refused = InvalidRequest("No such recipient.")
    async with AsyncExitStack() as workers:
        for build_id, mail in (("1", FakeMail(refused, refused)), ("2", FakeMail())):
            version = WorkerDeploymentVersion(client.namespace, build_id)
            ports = fake_ports(orders, mail=mail) | {DeadLetterRepository: letters}
            worker = job_worker(apart, kind.queue, [kind], ports, sandbox=False, version=version, pauses=pauses)
            await workers.enter_async_context(worker)
        await set_current(client, "1")
        await Jobs(client).start(OrderConfirmationRequest(order_id=1))
        in_its_first_task = await result(client, 1)
        pauses.reasons = {Target(kind=KIND): ""}
        for order_id in (2, 3):
            await Jobs(client).start(OrderConfirmationRequest(order_id=order_id))
            await begun(client, order_id)
        pauses.reasons = {}
        await set_current(client, "2")
        ended = []
        for order_id in (2, 3):
            await client.get_workflow_handle(f"{KIND}/{order_id}").signal(RESUME)
            ended.append(await result(client, order_id))

        redriver = Redriver(client, letters, registry, Audit(by="ada"))
        for letter in await letters.list(DeadLetterFilter(), limit=9):
            assert (await redriver.resume(await redriver.plan(letter))).result is Result.resumed
        redriven = [await result(client, order_id) for order_id in (1, 2)]

    assert in_its_first_task == ("failed", "1")
    assert ended == [("failed", "1"), ("done", "1")]
    assert redriven == [("done", "2"), ("done", "2")]
