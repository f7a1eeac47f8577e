"""For which moment a job runs that a schedule started.

Temporal tells it in search attributes of the run, and they stay through retries, resets and replays:

- a run at its time, late by catch-up, or moved by jitter: the moment that the schedule's specification names;
- a backfill: the moment in the past that the specification names;
- a run that somebody triggered: the moment at which it was triggered, in whole seconds.
"""

from __future__ import annotations

from datetime import datetime

from temporalio import workflow
from temporalio.common import SearchAttributeKey

from domain.errors import InvalidRequest
from domain.requests import JobRequest
from domain.scheduling import ScheduledRequest, ScheduledRun

SCHEDULED_FOR = SearchAttributeKey.for_datetime("TemporalScheduledStartTime")
SCHEDULED_BY = SearchAttributeKey.for_keyword("TemporalScheduledById")


def scheduled_run(request: ScheduledRequest) -> ScheduledRun:
    """What the steps of this run are told. Raises InvalidRequest where neither a schedule nor anyone named a moment."""
    info = workflow.info()
    at = _scheduled_for() or request.at
    if at is None:
        raise InvalidRequest("No schedule has started this run, and its request names no moment: give one by --at.")
    return ScheduledRun(
        name=info.typed_search_attributes.get(SCHEDULED_BY) or request.kind,
        at=at,
        time_zone=request.time_zone,
        run=f"{info.workflow_id}/{info.run_id}",
    )


def as_by_hand(request: JobRequest) -> JobRequest:
    """The request by which a person runs the same again: of a schedule's run with the moment it was for."""
    if isinstance(request, ScheduledRequest) and (at := _scheduled_for()):
        return request.model_copy(update={"at": at})
    return request


def _scheduled_for() -> datetime | None:
    return workflow.info().typed_search_attributes.get(SCHEDULED_FOR)
