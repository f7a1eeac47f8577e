"""Two versions of the worker at once: jobs go where Temporal is told, however they were started."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError

from domain.order_confirmation import OrderConfirmationRequest
from starter import Jobs
from starter.pauses import pause, resume
from tests.deploys.conftest import Deployment, Start
from tests.outbox.shop import Shop

V1 = {"WORKER_DEPLOYMENT_NAME": "shop", "WORKER_BUILD_ID": "1"}
V2 = {"WORKER_DEPLOYMENT_NAME": "shop", "WORKER_BUILD_ID": "2"}


TO_RAMPING = ("set-ramping-version", "--deployment-name", "shop", "--build-id", "2", "--percentage", "50", "--yes")


def to_current(build_id: str) -> tuple[str, ...]:
    return ("set-current-version", "--deployment-name", "shop", "--build-id", build_id, "--yes")


async def done(client: Client, order_ids: Iterable[int]) -> set[str]:
    """Wait for these confirmations; returns the versions that did them."""
    ids = [OrderConfirmationRequest(order_id=order_id).workflow_id for order_id in order_ids]
    async with asyncio.timeout(60):
        for each in ids:
            while True:
                try:
                    await client.get_workflow_handle(each).result()
                    break
                except RPCError:  # the relay has not started it yet
                    await asyncio.sleep(0.1)
    return {await version_of(client, each) for each in ids}


async def version_of(client: Client, workflow_id: str) -> str:
    described = await client.get_workflow_handle(workflow_id).describe()
    return described.raw_description.workflow_execution_info.versioning_info.deployment_version.build_id


@pytest.mark.long
async def test_jobs_go_to_the_version_that_temporal_is_told_of(
    start: Start, client: Client, shop: Shop, deployment: Deployment
) -> None:
    jobs = Jobs(client)
    first = await start(**V1)
    await first.takes_jobs()

    # Nobody has said yet that version 1 is to have jobs.
    line = await first.says("This version gets no jobs yet")
    assert line["remedy"] == "temporal worker deployment set-current-version --deployment-name shop --build-id 1"
    ready = await first.get("/readyz")
    assert ready.status_code == 200, "a rollout waits for this, and only then makes the version current"
    assert ready.json()["needs"]["deployment"]["text"].startswith("shop 1 gets no jobs yet (no version does)")
    await shop.place(1)
    await shop.emptied()
    waiting = await client.get_workflow_handle("order-confirmation/1").describe()
    assert waiting.status is WorkflowExecutionStatus.RUNNING
    assert waiting.history_length == 2, "no worker has its task, though a relay is beside one"

    await deployment(*to_current("1"))
    await first.says("This version gets jobs", where=lambda line: line["standing"] == "current")
    assert await done(client, [1]) == {"1"}
    await shop.place(2)
    assert await done(client, [2]) == {"1"}
    eager = (await client.get_workflow_handle("order-confirmation/2").fetch_history()).events[0]
    assert eager.workflow_execution_started_event_attributes.eager_execution_accepted

    # The second is up, and its relay takes from the outbox; its code gets no job.
    second = await start(**V2)
    await second.says("This version gets no jobs yet", where=lambda line: line["current"] == "1")
    for order_id in range(3, 23):
        await shop.place(order_id)
    assert await done(client, range(3, 23)) == {"1"}

    # A share of them: no start is eager now, or the relay beside the first would keep all that it starts.
    await deployment(*TO_RAMPING)
    await second.says("This version gets jobs", where=lambda line: line["standing"] == "ramping")
    await first.says("A share of the jobs goes to the ramping version")
    for order_id in range(41, 61):
        await shop.place(order_id)
    assert await done(client, range(41, 61)) == {"1", "2"}

    # A job that is under way, held by a pause, moves with the deployment.
    await pause(client, kind="order-confirmation")
    await first.says("Paused")
    await jobs.start(OrderConfirmationRequest(order_id=23))
    await first.says("Job waits: it is paused")
    await deployment(*to_current("2"))
    await second.says("This version gets jobs", where=lambda line: line["standing"] == "current")
    await first.says("This version gets no more jobs")
    await resume(client, kind="order-confirmation")
    assert await done(client, [23]) == {"2"}
    for order_id in range(24, 34):
        await shop.place(order_id)
    assert await done(client, range(24, 34)) == {"2"}
    assert (
        (await first.get("/readyz"))
        .json()["needs"]["deployment"]["text"]
        .startswith("shop 1 gets no more jobs (shop 2 does)")
    )


@pytest.mark.long
async def test_a_job_that_an_unversioned_worker_began_goes_on_in_the_first_version(
    start: Start, client: Client, deployment: Deployment
) -> None:
    before = await start()
    await before.takes_jobs()
    await pause(client, kind="order-confirmation")
    await before.says("Paused")
    await Jobs(client).start(OrderConfirmationRequest(order_id=1))
    await before.says("Job waits: it is paused")

    after = await start(**V1)
    await after.says("This version gets no jobs yet")
    await deployment(*to_current("1"))
    await after.says("This version gets jobs")
    await resume(client, kind="order-confirmation")

    assert await done(client, [1]) == {"1"}
