"""A kind whose runs stay with the version that began them: until it is drained, and how they are redriven then.

A redriven one stays with the version that it goes on in, whichever becomes current next.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import count
from typing import cast

import pytest
from pydantic import SecretStr
from temporalio.api.deployment.v1 import WorkerDeploymentVersion as VersionName
from temporalio.api.enums.v1 import WorkerDeploymentVersionStatus as Status
from temporalio.api.workflowservice.v1 import (
    DescribeWorkerDeploymentVersionRequest,
    SetWorkerDeploymentCurrentVersionRequest,
)
from temporalio.client import Client
from temporalio.common import WorkerDeploymentVersion
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import WorkflowEnvironment

from adapters.db.dead_letters import SqlDeadLetterRepository
from adapters.db.engine import make_engine
from adapters.settings import DatabaseSettings
from demo.temporal_server import temporal_binary
from domain.dead_letters import WAITING, Audit, DeadLetterFilter, DeadLetterRepository
from domain.errors import InvalidRequest
from domain.outcomes import Outcome
from starter import JobDidNotComplete, Jobs
from starter.dead_letters.redrive import Redriver, Result
from starter.setup import add_search_attributes
from tests.deploys.pinned_code import PINNED, DrainedMeanwhile, SlowMail, job
from tests.fakes import FakeMail, FakeOrders, an_order, fake_ports
from workflows.data_converter import data_converter
from workflows.hosting import job_worker
from workflows.pausing import RESUME, Pauses, Target
from workflows.registry import registry

pytestmark = pytest.mark.long


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    """Of a server that soon says of a version that it is drained; by default it takes minutes."""
    soon = [
        f"matching.wv.{name}={value}"
        for name, value in (
            ("VersionDrainageStatusVisibilityGracePeriod", '"1s"'),
            ("VersionDrainageStatusRefreshInterval", '"1s"'),
        )
    ]
    environment = await WorkflowEnvironment.start_local(
        dev_server_existing_path=str(temporal_binary()),
        dev_server_log_level="error",
        dev_server_extra_args=[word for setting in soon for word in ("--dynamic-config-value", setting)],
        data_converter=data_converter,
    )
    async with environment:
        await add_search_attributes(environment.client)
        yield environment.client


@pytest.fixture
async def letters(database: str) -> AsyncIterator[SqlDeadLetterRepository]:
    engine = make_engine(DatabaseSettings(url=SecretStr(database)))
    yield SqlDeadLetterRepository(engine, alert_window=timedelta(hours=1))
    await engine.dispose()


def version(build_id: str) -> WorkerDeploymentVersion:
    return WorkerDeploymentVersion("shop", build_id)


async def set_current(client: Client, build_id: str) -> None:
    """Once the server knows of it."""
    request = SetWorkerDeploymentCurrentVersionRequest(
        namespace=client.namespace, deployment_name="shop", build_id=build_id
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


async def until(client: Client, status: Status.ValueType, build_id: str = "1") -> None:
    """Return once the version has this status."""
    request = DescribeWorkerDeploymentVersionRequest(
        namespace=client.namespace,
        deployment_version=VersionName(deployment_name="shop", build_id=build_id),
    )
    async with asyncio.timeout(60):
        while True:
            told = await client.workflow_service.describe_worker_deployment_version(request)
            if told.worker_deployment_version_info.status == status:
                return
            await asyncio.sleep(0.1)


async def described(client: Client) -> str:
    """What the operator's command says of the first version."""
    process = await asyncio.create_subprocess_exec(
        *(str(temporal_binary()), "worker", "deployment", "describe-version"),
        *("--deployment-name", "shop", "--build-id", "1", "--address", client.service_client.config.target_host),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        out, _ = await process.communicate()
    return out.decode()


async def build_of(client: Client, order_id: int) -> str:
    described = await client.get_workflow_handle(job(order_id).workflow_id).describe()
    return described.raw_description.workflow_execution_info.versioning_info.deployment_version.build_id


async def held(client: Client, order_id: int) -> None:
    async with asyncio.timeout(60):
        while (await client.get_workflow_handle(job(order_id).workflow_id).describe()).history_length < 4:  # noqa: ASYNC110  # nobody tells
            await asyncio.sleep(0.05)


async def go_on(client: Client, order_id: int) -> Outcome:
    await client.get_workflow_handle(job(order_id).workflow_id).signal(RESUME)
    return await Jobs(client).of(job(order_id)).result()


async def newcomers_go_to(client: Client, build_id: str, orders: FakeOrders) -> None:
    """Return once the queue has heard which version is current: jobs go to the one before until then."""
    async with asyncio.timeout(60):
        for order_id in count(100):
            orders.orders[order_id] = an_order(order_id)
            await Jobs(client).start(job(order_id))
            await result(client, order_id)
            if await build_of(client, order_id) == build_id:
                return


async def resume(client: Client, letters: DeadLetterRepository, order_id: int) -> None:
    """As `jobs dead redrive` does."""
    [letter] = await letters.list(DeadLetterFilter(states=WAITING, workflow_id=job(order_id).workflow_id), limit=9)
    redriver = Redriver(client, letters, registry, Audit(by="somebody"))
    redriven = await redriver.resume(await redriver.plan(letter))
    assert redriven.result is Result.resumed


async def result(client: Client, order_id: int) -> Outcome:
    async with asyncio.timeout(60):
        return await Jobs(client).of(job(order_id)).result()


async def test_a_pinned_job_stays_with_its_version_and_is_redriven_in_the_current_one_once_that_is_drained(
    client: Client, letters: SqlDeadLetterRepository
) -> None:
    jobs, orders, slow = Jobs(client), FakeOrders(*map(an_order, range(1, 6))), SlowMail()
    keeping = {DeadLetterRepository: letters}
    refusing = fake_ports(orders, mail=FakeMail(*[InvalidRequest("No such recipient.")] * 4)) | keeping
    # Not the starter's client: an eager start would go past the routing.
    apart = await Client.connect(client.service_client.config.target_host, data_converter=data_converter)
    pauses = Pauses()
    first, second, third = (
        job_worker(
            apart,
            "notifications",
            [PINNED],
            ports,
            sandbox=False,
            version=version(build_id),
            pauses=pauses,
            draw=lambda low, _: low / 100,
        )
        for build_id, ports in (
            ("1", refusing),
            ("2", fake_ports(orders, mail=slow) | keeping),
            ("3", fake_ports(orders)),
        )
    )
    async with third:
        async with second:
            async with first:
                await set_current(client, "1")
                await jobs.start(job(4))
                with pytest.raises(JobDidNotComplete):  # in its very first task
                    await result(client, 4)
                pauses.reasons = {Target(kind="order-confirmation"): ""}
                for order_id in (1, 2, 3, 5):
                    await jobs.start(job(order_id))
                    await held(client, order_id)
                pauses.reasons = {}
                await set_current(client, "2")
                await until(client, Status.WORKER_DEPLOYMENT_VERSION_STATUS_DRAINING)
                for order_id in (1, 2, 5):
                    with pytest.raises(JobDidNotComplete):
                        await go_on(client, order_id)

                # As long as the third is in version 1, its workers are there.
                await resume(client, letters, 2)
                assert (await result(client, 2)).outcome == "done"
                assert (await go_on(client, 3)).outcome == "done"
                assert [await build_of(client, order_id) for order_id in (1, 2, 3, 4, 5)] == ["1"] * 5
                await until(client, Status.WORKER_DEPLOYMENT_VERSION_STATUS_DRAINED)
                assert re.search(r"^ *Drain\w* +drained$", await described(client), re.MULTILINE)

            # Also where a redrive sees too late that its version is drained.
            await resume(cast("Client", DrainedMeanwhile(client)), letters, 5)
            assert (await result(client, 5)).outcome == "done"
            assert await build_of(client, 5) == "2"

            for order_id in (1, 4):
                await resume(client, letters, order_id)
            async with asyncio.timeout(60):
                for _ in (1, 4):
                    await slow.under_way.get()
            await set_current(client, "3")
            await until(client, Status.WORKER_DEPLOYMENT_VERSION_STATUS_DRAINING, "2")
            await newcomers_go_to(apart, "3", orders)
            slow.goes_on.set()
            with pytest.raises(JobDidNotComplete):
                await result(client, 1)
            assert (await result(client, 4)).outcome == "done"
            assert [await build_of(client, order_id) for order_id in (1, 4)] == ["2", "2"], "it moved on"
            await until(client, Status.WORKER_DEPLOYMENT_VERSION_STATUS_DRAINED, "2")

        await resume(client, letters, 1)
        assert (await result(client, 1)).outcome == "done"
        assert await build_of(client, 1) == "3"
