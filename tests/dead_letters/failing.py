"""A kind of job with three steps that fails as it is asked to, until its cause is fixed."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Literal

from temporalio import activity, workflow

from domain.errors import NotFound, RateLimited, ServiceUnavailable
from domain.outcomes import Done, Outcome
from domain.policies import Policy
from domain.requests import EntityId, JobRequest
from workflows import steps
from workflows.kinds import Kind, Registry

QUEUE = "failing"
REPLAYED = "failing-replayed"
"""A queue whose worker keeps no run in memory."""
NOBODYS = "nobodys"
"""A queue that no worker serves."""

How = Literal[
    "well", "permanent", "attempts", "deadline", "attempt-timeout", "not-taken", "bug", "other-code", "hangs", "away"
]

fixed: set[int] = set()
"""Orders whose cause is fixed, or whose code has changed."""

effects: Counter[tuple[str, int]] = Counter()
"""How often each step of an order had its effect."""


class FailingRequest(JobRequest):
    order_id: EntityId
    how: How


class FailingActivities:
    @activity.defn(name="failing.reserve")
    async def reserve(self, request: FailingRequest) -> None:
        """Can run twice, which is counted."""
        effects["reserve", request.order_id] += 1

    @activity.defn(name="failing.charge")
    async def charge(self, request: FailingRequest) -> None:
        """Can run twice, which is counted."""
        if request.order_id not in fixed:
            match request.how:
                case "permanent" | "away":
                    raise NotFound(f"The provider knows no payment of order {request.order_id}.")
                case "attempts":
                    raise ServiceUnavailable(f"HTTP 503 for order {request.order_id}.")
                case "deadline":
                    raise RateLimited("HTTP 429.", retry_after=timedelta(hours=1))
                case "attempt-timeout":
                    await asyncio.sleep(60)
        effects["charge", request.order_id] += 1

    @activity.defn(name="failing.confirm")
    async def confirm(self, request: FailingRequest) -> None:
        """Can run twice, which is counted."""
        effects["confirm", request.order_id] += 1


@workflow.defn
class Failing:
    @workflow.run
    async def run(self, request: FailingRequest) -> Outcome:
        is_fixed = request.order_id in fixed
        if request.how == "other-code" and is_fixed:
            await workflow.sleep(1)
        await steps.run_regular(FailingActivities.reserve, request)
        if request.how == "bug" and not is_fixed:
            raise KeyError(request.order_id)
        if request.how == "other-code" or (request.how == "hangs" and not is_fixed):
            await workflow.sleep(3600)
        if request.how == "not-taken":
            await workflow.execute_activity(
                "failing.charge",
                request,
                task_queue=NOBODYS,
                schedule_to_start_timeout=timedelta(seconds=1),
                schedule_to_close_timeout=timedelta(seconds=30),
            )
        await steps.run(FailingActivities.charge, request)
        await steps.run(FailingActivities.confirm, request)
        return Done()


_POLICY = Policy(
    name="failing",
    waits=(timedelta(milliseconds=100),) * 2,
    # The worker stops an attempt a tenth of it earlier: on a busy machine the server would else be the first at times.
    attempt_limit=timedelta(seconds=5),
    deadline=timedelta(seconds=30),
    purpose="tests",
)
KINDS = Registry()
KINDS.register(Kind(FailingRequest, Failing, FailingActivities, QUEUE, _POLICY))
