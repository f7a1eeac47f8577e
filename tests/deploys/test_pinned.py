"""A kind whose runs stay with the version that began them: until it is drained, and how they are redriven then."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest
from pydantic import SecretStr
from temporalio import workflow
from temporalio.api.deployment.v1 import WorkerDeploymentVersion as VersionName
from temporalio.api.enums.v1 import WorkerDeploymentVersionStatus as Status
from temporalio.api.workflowservice.v1 import (
    DescribeWorkerDeploymentVersionRequest,
    SetWorkerDeploymentCurrentVersionRequest,
)
from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import WorkflowEnvironment

from activities.order_confirmation import OrderConfirmationActivities
from adapters.db.dead_letters import SqlDeadLetters
from adapters.db.engine import make_engine
from adapters.settings import DatabaseSettings
from demo.temporal_server import temporal_binary
from domain.dead_letters import DeadLetters, LetterFilter, Moved
from domain.errors import InvalidRequest
from domain.order_confirmation import OrderConfirmationRequest
from domain.outcomes import Done, Outcome
from starter import JobDidNotComplete, Jobs
from starter.redriving.acting import Redriver, Result
from starter.redriving.looking import look
from starter.setup import add_search_attributes
from tests.fakes import FakeMail, FakeOrders, an_order, fake_ports
from workflows import steps
from workflows.data_converter import data_converter
from workflows.hosting import job_worker
from workflows.pausing import RESUME, Target, pauses_of
from workflows.registry import registry


@workflow.defn(name="OrderConfirmation", versioning_behavior=VersioningBehavior.PINNED)
class Pinned:
    """A confirmation that stays with its version."""

    @workflow.run
    async def run(self, request: OrderConfirmationRequest) -> Outcome:
        return Done(reference=(await steps.run(OrderConfirmationActivities.confirm, request)).delivery_key)


PINNED = replace(registry.get("order-confirmation"), workflow=Pinned)


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
async def letters(database: str) -> AsyncIterator[SqlDeadLetters]:
    engine = make_engine(DatabaseSettings(url=SecretStr(database)))
    yield SqlDeadLetters(engine, alert_window=timedelta(hours=1))
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


async def until(client: Client, status: Status.ValueType) -> None:
    """Return once the first version has this status."""
    request = DescribeWorkerDeploymentVersionRequest(
        namespace=client.namespace,
        deployment_version=VersionName(deployment_name="shop", build_id="1"),
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


def job(order_id: int) -> OrderConfirmationRequest:
    return OrderConfirmationRequest(order_id=order_id)


async def held(client: Client, order_id: int) -> None:
    async with asyncio.timeout(60):
        while (await client.get_workflow_handle(job(order_id).workflow_id).describe()).history_length < 4:  # noqa: ASYNC110  # nobody tells
            await asyncio.sleep(0.05)


async def go_on(client: Client, order_id: int) -> Outcome:
    await client.get_workflow_handle(job(order_id).workflow_id).signal(RESUME)
    return await Jobs(client).of(job(order_id)).result()


async def redrive(client: Client, letters: DeadLetters, order_id: int) -> Outcome:
    """As `jobs dead redrive` does."""
    left = await letters.list(LetterFilter(), limit=9)
    [letter] = [each for each in left if each.run.workflow_id == job(order_id).workflow_id]
    redriver = Redriver(client, letters, registry, Moved(by="somebody"))
    redriven = await redriver.resume(await look(client, letter, registry))
    assert redriven.result is Result.resumed
    async with asyncio.timeout(60):
        return await Jobs(client).of(job(order_id)).result()


async def test_a_pinned_job_stays_with_its_version_and_is_redriven_in_the_current_one_once_that_is_drained(
    client: Client, letters: SqlDeadLetters
) -> None:
    jobs, orders = Jobs(client), FakeOrders(*map(an_order, range(1, 4)))
    refusing = fake_ports(orders, mail=FakeMail(*[InvalidRequest("No such recipient.")] * 2)) | {DeadLetters: letters}
    # Not the starter's client: an eager start would go past the routing.
    apart = await Client.connect(client.service_client.config.target_host, data_converter=data_converter)
    first = job_worker(apart, "notifications", [PINNED], refusing, sandbox=False, version=version("1"))
    second = job_worker(apart, "notifications", [PINNED], fake_ports(orders), sandbox=False, version=version("2"))
    async with second:
        async with first:
            await set_current(client, "1")
            pauses_of(apart).replace({Target(kind="order-confirmation"): ""})
            for order_id in (1, 2, 3):
                await jobs.start(job(order_id))
                await held(client, order_id)
            pauses_of(apart).replace({})
            await set_current(client, "2")
            await until(client, Status.WORKER_DEPLOYMENT_VERSION_STATUS_DRAINING)
            for order_id in (1, 2):
                with pytest.raises(JobDidNotComplete):
                    await go_on(client, order_id)

            # As long as the third is in version 1, its workers are there.
            assert (await redrive(client, letters, 2)).outcome == "done"
            assert (await go_on(client, 3)).outcome == "done"
            assert [await build_of(client, order_id) for order_id in (1, 2, 3)] == ["1", "1", "1"]
            await until(client, Status.WORKER_DEPLOYMENT_VERSION_STATUS_DRAINED)
            assert re.search(r"^ *Drain\w* +drained$", await described(client), re.MULTILINE)

        assert (await redrive(client, letters, 1)).outcome == "done"
        assert await build_of(client, 1) == "2"
