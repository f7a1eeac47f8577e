"""A kind of job that dies as it is told to, unless it was healed meanwhile."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Literal

from temporalio import activity, workflow

from domain.dead_letters import DeadLetters, DeadRun, Letter
from domain.errors import NotFound, RateLimited, ServiceUnavailable
from domain.outcomes import Done, Outcome
from domain.policies import Policy
from domain.requests import EntityId, JobRequest
from workflows import steps
from workflows.kinds import Kind, Registry

QUEUE = "dying"
REPLAYED = "dying-replayed"
"""A queue whose worker keeps no run in memory."""
NOBODYS = "nobodys"
"""A queue that no worker serves."""

How = Literal[
    "well", "permanent", "attempts", "deadline", "attempt-timeout", "not-taken", "bug", "other-code", "waits", "away"
]

healed: set[str] = set()
"""Workflow ids of jobs that are well from now on."""

changed_code: set[str] = set()
"""Workflow ids of jobs whose code is another one from now on."""


class DyingRequest(JobRequest):
    order_id: EntityId
    how: How


class DyingActivities:
    @activity.defn(name="dying.work")
    async def work(self, request: DyingRequest) -> None:
        """Can run twice: it does nothing."""
        if request.workflow_id in healed:
            return
        match request.how:
            case "permanent" | "away":
                raise NotFound(f"The provider knows no payment of order {request.order_id}.")
            case "attempts":
                raise ServiceUnavailable(f"HTTP 503 for order {request.order_id}.")
            case "deadline":
                raise RateLimited("HTTP 429.", retry_after=timedelta(hours=1))
            case "attempt-timeout":
                await asyncio.sleep(60)


@workflow.defn
class Dying:
    @workflow.run
    async def run(self, request: DyingRequest) -> Outcome:
        if request.how == "bug" and request.workflow_id not in healed:
            raise KeyError(request.order_id)
        if request.how == "other-code":
            if request.workflow_id in changed_code:
                await workflow.execute_local_activity_method(
                    DyingActivities.work, request, schedule_to_close_timeout=timedelta(seconds=5)
                )
            await workflow.sleep(3600)
        if request.how == "waits":
            await workflow.sleep(3600)
        if request.how == "not-taken":
            await workflow.execute_activity(
                "dying.work",
                request,
                task_queue=NOBODYS,
                schedule_to_start_timeout=timedelta(seconds=1),
                schedule_to_close_timeout=timedelta(seconds=30),
            )
        await steps.run(DyingActivities.work, request)
        return Done()


POLICY = Policy(
    name="dying",
    waits=(timedelta(milliseconds=100),),
    attempt_limit=timedelta(seconds=1),
    deadline=timedelta(seconds=30),
    purpose="tests",
)
KINDS = Registry()
KINDS.register(Kind(DyingRequest, Dying, DyingActivities, QUEUE, POLICY))


class Recording:
    """Behind the port to which failing runs are told: hands on to the real one, unless the database is away."""

    def __init__(self, letters: DeadLetters) -> None:
        self._letters = letters
        self.away: list[DeadRun] = []

    async def record(self, run: DeadRun) -> Letter | None:
        if (run.request or {}).get("how") == "away":
            self.away.append(run)
            await asyncio.Event().wait()
        return await self._letters.record(run)
