"""An attempt that waits for its turn of its queue's rate keeps to its limits, and Temporal hears of it."""

from __future__ import annotations

import asyncio
import dataclasses
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import Client
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment
from temporalio.worker import (
    ActivityInboundInterceptor,
    ActivityOutboundInterceptor,
    ExecuteActivityInput,
)

from activities.interceptor import RetryInterceptor
from activities.pace import PaceInterceptor
from domain.policies import NOTIFICATION
from tests.fakes import FakeOrders, fake_ports
from workflows.hosting import job_worker
from workflows.registry import registry

STEP = "step"


async def _step() -> None: ...


class Work(ActivityInboundInterceptor):
    """Notes that an attempt has begun, where its work would be done."""

    def __init__(self, seen: list[str]) -> None:
        self._seen = seen

    def init(self, outbound: ActivityOutboundInterceptor) -> None: ...

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002, ARG002  # the SDK's name
        self._seen.append("begun")
        await asyncio.sleep(0)  # what runs beside it has a turn


class Outbound(ActivityOutboundInterceptor):
    """To Temporal: notes what it hears."""

    def __init__(self, seen: list[str]) -> None:
        self._seen = seen

    def heartbeat(self, *details: Any) -> None:
        self._seen.append(f"heard of {details}")


async def attempt(step: ActivityInboundInterceptor, seen: list[str], **info: Any) -> None:
    """Run an attempt through the interceptors, as a regular activity."""
    environment = ActivityEnvironment()
    environment.info = dataclasses.replace(environment.info, activity_type=STEP, **info)
    environment.on_heartbeat = lambda *details: seen.append(f"heard of {details}")
    await environment.run(step.execute_activity, ExecuteActivityInput(_step, [], None, {}))


async def test_temporal_hears_what_the_attempt_before_reported_until_this_one_reports_more() -> None:
    seen: list[str] = []
    paced = PaceInterceptor(2, [STEP]).intercept_activity(Work(seen))
    step = RetryInterceptor({STEP: NOTIFICATION}).intercept_activity(paced)
    step.init(Outbound(seen))

    await attempt(step, seen, heartbeat_timeout=timedelta(seconds=30), heartbeat_details=["done: 3"])

    assert sorted(seen) == ["begun", "heard of ('done: 3',)"]


async def test_an_attempt_whose_turn_would_come_too_late_is_put_off_and_takes_no_turn() -> None:
    seen: list[str] = []
    paced = PaceInterceptor(1 / 60, [STEP]).intercept_activity(Work(seen))
    step = RetryInterceptor({STEP: NOTIFICATION}, draw=lambda shortest, _: shortest).intercept_activity(paced)
    step.init(Outbound(seen))
    await attempt(step, seen, start_to_close_timeout=timedelta(seconds=60))

    for _ in range(2):
        with pytest.raises(ApplicationError, match="WORKER_QUEUE_SLOTS") as failed:
            await attempt(step, seen, start_to_close_timeout=timedelta(seconds=60))
        assert not failed.value.non_retryable
        assert failed.value.next_retry_delay is not None
        assert timedelta(seconds=30) < failed.value.next_retry_delay <= timedelta(seconds=60)

    assert seen == ["begun"]


async def test_the_wait_for_a_turn_counts_in_the_attempts_limit(client: Client) -> None:
    worker = job_worker(client, "notifications", registry, fake_ports(FakeOrders()), sandbox=False, rate=1.0)

    inwards = [type(each) for each in worker.config()["interceptors"]]

    assert inwards.index(RetryInterceptor) < inwards.index(PaceInterceptor)
