"""A job that completed with an outcome which this code cannot read."""

from __future__ import annotations

from typing import Any

import pytest
from temporalio import workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from starter import Jobs, JobState, OrderConfirmationRequest
from starter.errors import UnknownOutcome


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
        for asking in (handle.result, handle.status, handle.describe):
            with pytest.raises(UnknownOutcome, match="Deploy that version here too") as error:
                await asking()

    assert handle.web_ui in str(error.value)
    assert "on-holiday" not in str(error.value)
    again = await jobs.start(request)
    assert (again.started, again.state) == (False, JobState.completed)
