"""A kind of job as another package brings it, with a port of its own and a step that is a plain function."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from temporalio import activity, workflow

with workflow.unsafe.imports_passed_through():
    from domain.outcomes import Done, Outcome
    from domain.policies import SYNC
    from domain.requests import EntityId, JobRequest
    from workflows import steps
    from workflows.registry import Kind


class LoyaltyPointsRequest(JobRequest):
    """Credit an order's points."""

    order_id: EntityId
    broken: bool = False


class Points(Protocol):
    def credit(self, order_id: int) -> None: ...


class LoyaltyPointsActivities:
    def __init__(self, points: Points) -> None:
        self._points = points

    @activity.defn(name="loyalty_points.credit")
    def credit(self, request: LoyaltyPointsRequest) -> None:
        """Can run twice: the fake counts."""
        self._points.credit(request.order_id)


@workflow.defn
class LoyaltyPoints:
    @workflow.run
    async def run(self, request: LoyaltyPointsRequest) -> Outcome:
        if request.broken:
            raise ZeroDivisionError  # a bug in the workflow
        await steps.run(LoyaltyPointsActivities.credit, request)  # type: ignore[arg-type]  # a plain function is a step too
        return Done()


def real_ports() -> Mapping[type, object]:
    """Not to be made in a test."""
    raise AssertionError("the real adapters were made")


ROW = Kind(LoyaltyPointsRequest, LoyaltyPoints, LoyaltyPointsActivities, "loyalty", SYNC, ports=real_ports)
