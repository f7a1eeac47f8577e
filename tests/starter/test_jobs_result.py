"""`JobHandle`: its result follows redrives, its status tells attempts, and it cancels."""

from __future__ import annotations

import asyncio
import uuid
from datetime import timedelta
from typing import Any

import pytest
from temporalio import workflow
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from domain.errors import RecipientRejected, ServiceUnavailable
from starter import JobHandle, JobNotFound, Jobs, JobState, OrderConfirmationRequest
from starter.errors import JobCancelled, JobFailed, JobTimedOut, UnknownOutcome
from tests.fakes import FakeMail
from tests.starter.serving import Serving, becomes
from workflows.registry import registry


async def _reset(client: Client, handle: JobHandle) -> None:
    """Run the job again from its first task on, as a redrive does."""
    status = await handle.status()
    await client.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace=client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=handle.id, run_id=status.run_id),
            reason="test",
            workflow_task_finish_event_id=4,  # the first task's: started, scheduled, begun, finished
            request_id=str(uuid.uuid4()),
        )
    )


async def test_a_result_follows_a_redrive_of_a_running_job(
    jobs: Jobs, client: Client, serving: Serving, order_id: int
) -> None:
    async with serving(order_id, mail=FakeMail(ServiceUnavailable("451 4.3.0 at RCPT TO")), wait=600):
        handle = await jobs.start(OrderConfirmationRequest, order_id=order_id)
        waiting = asyncio.create_task(handle.result())
        await becomes(handle, lambda status: "timer" in str(status.waiting))

        await _reset(client, handle)

        assert (await waiting).outcome == "done"
    assert (await handle.status()).run_id != handle.run_id


async def test_a_result_is_that_of_the_redrive_where_the_first_run_failed(
    jobs: Jobs, client: Client, serving: Serving, order_id: int
) -> None:
    async with serving(order_id, mail=FakeMail(RecipientRejected("550 5.1.1 at RCPT TO"))):
        handle = await jobs.start(OrderConfirmationRequest, order_id=order_id)
        with pytest.raises(JobFailed):
            await handle.result()

        await _reset(client, handle)

        assert (await handle.result()).outcome == "done"
    status = await handle.status()
    assert (status.state, status.error_type) == (JobState.completed, None)
    assert (await handle.status(of_this_run=True)).state is JobState.failed


async def test_a_run_that_ran_out_of_time_says_so(jobs: Jobs, client: Client, order_id: int) -> None:
    request = OrderConfirmationRequest(order_id=order_id)
    kind = registry.get(request.kind)
    await client.start_workflow(
        kind.workflow_type,
        request,
        id=request.workflow_id,
        task_queue=kind.queue,
        run_timeout=timedelta(seconds=1),
    )

    with pytest.raises(JobTimedOut):
        await jobs.of(request).result()
    assert (await jobs.of(request).status()).state is JobState.timed_out


async def test_an_unknown_job_is_not_found(jobs: Jobs, order_id: int) -> None:
    handle = jobs.of(OrderConfirmationRequest(order_id=order_id))

    for asking in (handle.status, handle.result, handle.cancel, handle.picked_up):
        with pytest.raises(JobNotFound, match=f"There is no job 'order-confirmation/{order_id}'"):
            await asking()


async def test_cancelling_ends_a_job_that_waits_for_its_next_attempt(
    jobs: Jobs, serving: Serving, order_id: int
) -> None:
    async with serving(order_id, mail=FakeMail(ServiceUnavailable("451 4.3.0 at RCPT TO")), wait=600):
        handle = await jobs.start(OrderConfirmationRequest, order_id=order_id)
        await becomes(handle, lambda status: "timer" in str(status.waiting))
        await handle.cancel()

        with pytest.raises(JobCancelled):
            await handle.result()
        await handle.cancel()  # of a job that has ended: nothing happens
    assert (await handle.status()).state is JobState.cancelled


@workflow.defn(name="OrderConfirmation")
class OfANewerVersion:
    @workflow.run
    async def run(self, _: dict[str, Any]) -> dict[str, str]:
        return {"outcome": "postponed", "reason": "on-holiday"}


async def test_an_outcome_of_a_newer_version_is_told_as_such_and_does_not_keep_a_second_start_from_working(
    jobs: Jobs, client: Client, order_id: int
) -> None:
    request = OrderConfirmationRequest(order_id=order_id)
    async with Worker(
        client,
        task_queue="notifications",
        workflows=[OfANewerVersion],
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        handle = await jobs.start(request)
        for asking in (handle.result, handle.status):
            with pytest.raises(UnknownOutcome, match="Deploy that version here too") as error:
                await asking()

    assert handle.web_ui in str(error.value)
    assert "on-holiday" not in str(error.value)
    again = await jobs.start(request)
    assert (again.started, again.state) == (False, JobState.completed)
