"""What does not fit: a request fails at once, a step's result waits for a worker that knows it; none is quoted."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from temporalio import activity, workflow
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import EventType
from temporalio.api.failure.v1 import Failure
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowFailureError, WorkflowHandle
from temporalio.common import RetryPolicy
from temporalio.converter import PayloadCodec
from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from domain.order_confirmation import Confirmation, OrderConfirmationRequest
from starter import Jobs
from tests.fakes import FakeMail, FakeOrders, an_order, fake_ports
from workflows.hosting import bound_steps, job_worker
from workflows.registry import registry

SECRET = "Ada Lovelace, ada@example.com"


@workflow.defn
class WrongCaller:
    """Calls an activity with arguments that do not fit it."""

    @workflow.run
    async def run(self, local: bool) -> None:
        call = workflow.execute_local_activity if local else workflow.execute_activity
        await call(
            "order_confirmation.confirm",
            {"order_id": SECRET},
            start_to_close_timeout=timedelta(seconds=10),
            retry_policy=RetryPolicy(maximum_attempts=4),
        )


async def test_arguments_that_are_no_request_fail_the_workflow_instead_of_hanging(skipping: Client) -> None:
    no_fit = {"order_id": SECRET, "note": SECRET}
    wrong: list[list[object]] = [[no_fit], [b"\x00\xff"], [None], [], [{"order_id": 1}, {"order_id": 2}], ["1042"]]
    causes, histories = [], []
    async with job_worker(skipping, "notifications", registry, fake_ports(FakeOrders())):
        for arguments in wrong:
            job_id = f"order-confirmation/{uuid.uuid4()}"
            handle = await skipping.start_workflow(
                "OrderConfirmation", args=arguments, id=job_id, task_queue="notifications"
            )
            with pytest.raises(WorkflowFailureError) as failed:
                await handle.result()
            causes.append(failed.value.cause)
            histories.append(await handle.fetch_history())

    assert [cause.type for cause in causes if isinstance(cause, ApplicationError)] == ["InvalidRequest"] * len(wrong)
    assert str(causes[0]).endswith(
        "The arguments do not fit OrderConfirmationRequest: order_id: int_parsing; an unknown field. "
        "Start the job again with a request that fits its kind (see `jobs kinds`)."
    )
    assert SECRET not in str(histories[0].events[1:]), "only the starter's own input may hold what it was given"


@pytest.mark.parametrize("local", [True, False], ids=["local", "regular"])
async def test_arguments_that_do_not_fit_an_activity_cost_one_attempt(skipping: Client, *, local: bool) -> None:
    queue = f"wrong-{uuid.uuid4()}"
    async with Worker(
        skipping,
        task_queue=queue,
        workflows=[WrongCaller],
        activities=bound_steps(registry.get("order-confirmation"), fake_ports(FakeOrders())),
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        handle = await skipping.start_workflow("WrongCaller", local, id=queue, task_queue=queue)
        with pytest.raises(WorkflowFailureError) as failed:
            await handle.result()

    cause = failed.value.cause
    error = cause.cause if isinstance(cause, ActivityError) else cause
    assert isinstance(error, ApplicationError)
    assert (error.type, error.non_retryable) == ("InvalidRequest", True)
    history = await handle.fetch_history()
    failures = [event for event in history.events if "failure" in str(event)]
    assert failures
    assert SECRET not in str(failures)


class FlakyCodec(PayloadCodec):
    """Fails to decode as often as it is told, as one whose key server is away."""

    def __init__(self, failures: int) -> None:
        self.failures = failures

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [Payload(metadata={"encoding": b"binary/flaky"}, data=p.SerializeToString()) for p in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        found = []
        for payload in payloads:
            inner = Payload.FromString(payload.data)
            if b"order_id" in inner.data and self.failures > 0:
                self.failures -= 1
                raise ConnectionError("the key server is away")
            found.append(inner)
        return found


async def test_an_error_of_a_payload_codec_stays_retryable(skipping: Client) -> None:
    codec = FlakyCodec(failures=2)
    config = skipping.config()
    config["data_converter"] = replace(skipping.data_converter, payload_codec=codec)
    client = Client(**config)
    order_id = uuid.uuid4().int % 1_000_000_000
    mail = FakeMail()
    async with job_worker(client, "notifications", registry, fake_ports(FakeOrders(an_order(order_id)), mail=mail)):
        handle = await Jobs(client).start(OrderConfirmationRequest, order_id=order_id)
        outcome = await handle.result()

    assert outcome.outcome == "done"
    assert codec.failures == 0
    assert len(mail.accepted) == 1


@activity.defn
async def confirm_as_a_newer_worker_does() -> dict[str, str]:
    return {"state": "parked", "delivery_key": SECRET}


@workflow.defn(name="Confirming")
class AsItIs:
    """Knows the states that there are now."""

    @workflow.run
    async def run(self) -> str:
        result: Confirmation = await workflow.execute_activity(
            "confirm_as_a_newer_worker_does",
            result_type=Confirmation,
            start_to_close_timeout=timedelta(seconds=10),
        )
        return result.state


@workflow.defn(name="Confirming")
class AsItWillBe:
    """Knows the state that was added."""

    @workflow.run
    async def run(self) -> str:
        result: dict[str, str] = await workflow.execute_activity(
            "confirm_as_a_newer_worker_does",
            result_type=dict[str, str],
            start_to_close_timeout=timedelta(seconds=10),
        )
        return result["state"]


async def test_a_steps_result_that_only_a_newer_worker_knows_waits_for_that_worker(skipping: Client) -> None:
    queue = f"newer-{uuid.uuid4()}"

    def worker(of: type) -> Worker:
        return Worker(
            skipping,
            task_queue=queue,
            workflows=[of],
            activities=[confirm_as_a_newer_worker_does],
            workflow_runner=UnsandboxedWorkflowRunner(),
            max_cached_workflows=0,  # so that the second worker need not wait for what the first one kept
        )

    async with worker(AsItIs):
        handle = await skipping.start_workflow(
            "Confirming", id=queue, task_queue=queue, result_type=str, task_timeout=timedelta(seconds=1)
        )
        refused = await _failed_task(handle)
        status = (await handle.describe()).status
    async with worker(AsItWillBe):
        assert await handle.result() == "parked"

    assert status is WorkflowExecutionStatus.RUNNING
    assert refused.message == (
        "A value does not fit Confirmation: state: literal_error. "
        "Another version of the code has made it: deploy that one here too."
    )
    assert SECRET not in str(refused)


async def _failed_task(handle: WorkflowHandle[Any, Any]) -> Failure:
    """The failure of the run's first workflow task that fails; of a run that ends without one, an error."""
    async with asyncio.timeout(30):
        async for event in handle.fetch_history_events(wait_new_event=True):
            if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED:
                return event.workflow_task_failed_event_attributes.failure
    raise AssertionError("no task failed")
