"""A kind of job with three steps, of which the second one fails as it is told to, until its cause is mended."""

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

QUEUE = "mending"

How = Literal["permanent", "attempts", "deadline", "attempt-timeout", "waits", "hangs", "bug"]

mended: set[int] = set()
"""Orders whose cause is mended."""

effects: Counter[tuple[str, int]] = Counter()
"""What arrived at the receiver: by step and order."""


class MendingRequest(JobRequest):
    order_id: EntityId
    how: How


class MendingActivities:
    @activity.defn(name="mending.reserve")
    async def reserve(self, request: MendingRequest) -> None:
        """Can run twice, which is counted."""
        effects["reserve", request.order_id] += 1

    @activity.defn(name="mending.charge")
    async def charge(self, request: MendingRequest) -> None:
        """Can run twice, which is counted."""
        if request.order_id not in mended:
            match request.how:
                case "permanent":
                    raise NotFound(f"The provider knows no payment of order {request.order_id}.")
                case "attempts":
                    raise ServiceUnavailable(f"HTTP 503 for order {request.order_id}.")
                case "deadline":
                    raise RateLimited("HTTP 429.", retry_after=timedelta(hours=1))
                case "waits":
                    raise RateLimited("HTTP 429.", retry_after=timedelta(seconds=20))
                case "attempt-timeout":
                    await asyncio.sleep(60)
        effects["charge", request.order_id] += 1

    @activity.defn(name="mending.tell")
    async def tell(self, request: MendingRequest) -> None:
        """Can run twice, which is counted."""
        effects["tell", request.order_id] += 1


@workflow.defn
class Mending:
    @workflow.run
    async def run(self, request: MendingRequest) -> Outcome:
        await steps.run_regular(MendingActivities.reserve, request)
        if request.how == "bug" and request.order_id not in mended:
            raise KeyError(request.order_id)
        if request.how == "hangs" and request.order_id not in mended:
            await workflow.sleep(3600)
        await steps.run(MendingActivities.charge, request)
        await steps.run(MendingActivities.tell, request)
        return Done()


_POLICY = Policy(
    name="mending",
    waits=(timedelta(milliseconds=100),) * 2,
    attempt_limit=timedelta(seconds=1),
    deadline=timedelta(seconds=30),
    purpose="tests",
)
KINDS = Registry()
KINDS.register(Kind(MendingRequest, Mending, MendingActivities, QUEUE, _POLICY))
