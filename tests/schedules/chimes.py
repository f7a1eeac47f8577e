"""A kind of job that schedules of these tests start, as another package brings it."""

from __future__ import annotations

from datetime import timedelta

from temporalio import activity, workflow

with workflow.unsafe.imports_passed_through():
    from domain.errors import InvalidRequest
    from domain.outcomes import Done, Outcome
    from domain.policies import SYNC
    from domain.requests import ShortText
    from domain.scheduling import ScheduledRequest
    from workflows import steps
    from workflows.registry import Kind, Registry


class ChimeRequest(ScheduledRequest):
    """Ring a bell."""

    bell: ShortText = "big"


class ChimeActivities:
    @activity.defn(name="chime.ring")
    async def ring(self, request: ChimeRequest) -> None:
        """Can run twice: it changes nothing."""
        if request.bell == "cracked":
            raise InvalidRequest("the bell is cracked")


@workflow.defn
class Chime:
    @workflow.run
    async def run(self, request: ChimeRequest) -> Outcome:
        await steps.run(ChimeActivities.ring, request)
        if request.bell == "slow":
            await workflow.sleep(timedelta(minutes=10))
        return Done()


ROW = Kind(ChimeRequest, Chime, ChimeActivities, "chimes", SYNC)


def chimes() -> Registry:
    """A registry with this kind alone."""
    kinds = Registry()
    kinds.register(ROW)
    return kinds
