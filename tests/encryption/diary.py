"""A kind of job that has something to hide in each place where history keeps texts."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field
from temporalio import activity, workflow

with workflow.unsafe.imports_passed_through():
    from domain.errors import NotFound, ServiceUnavailable
    from domain.outcomes import Done, Outcome
    from domain.policies import Policy
    from domain.requests import EntityId, JobRequest
    from workflows import steps
    from workflows.registry import Kind, Registry

DIARY = Policy(
    name="diary",
    waits=(timedelta(seconds=1), timedelta(seconds=2), timedelta(seconds=4)),
    attempt_limit=timedelta(seconds=20),
    deadline=timedelta(minutes=5),
    heartbeat=timedelta(seconds=10),
    purpose="tests",
)


class DiaryEntryRequest(JobRequest):
    """Write an entry."""

    entry_id: EntityId
    hint: Annotated[str, Field(max_length=100)]
    lost: bool = False
    """Whether the diary is gone."""

    @property
    def business_id(self) -> str:
        return str(self.entry_id)

    @property
    def summary(self) -> str:
        return f"summary-{self.hint}"


class DiaryEntryActivities:
    @activity.defn(name="diary_entry.write")
    async def write(self, request: DiaryEntryRequest) -> str:
        """Can run twice: it does nothing."""
        if activity.info().is_local:
            raise ServiceUnavailable(f"first-{request.hint}")
        activity.heartbeat(f"heartbeat-{request.hint}")
        if activity.info().attempt == 1:
            raise ServiceUnavailable(f"second-{request.hint}")
        if request.lost:
            raise NotFound(f"lost-{request.hint}")
        return f"result-{request.hint}"


@workflow.defn
class DiaryEntry:
    @workflow.run
    async def run(self, request: DiaryEntryRequest) -> Outcome:
        written = await steps.run(DiaryEntryActivities.write, request)
        return Done(reference=f"outcome-{written}")


def kinds(queue: str = "diaries") -> Registry:
    """The kind alone, on a queue of the test's own."""
    made = Registry()
    made.register(Kind(DiaryEntryRequest, DiaryEntry, DiaryEntryActivities, queue, DIARY))
    return made


KINDS = kinds()

PLACES = ("summary-", "first-", "second-", "heartbeat-", "lost-", "result-", "outcome-result-")
"""What stands before the hint where it is told."""
