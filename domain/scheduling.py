"""Jobs that a schedule starts: for which moment, and that a period is done once."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Protocol

from pydantic import AfterValidator, BaseModel, ConfigDict

from domain.requests import JobRequest
from domain.time_zones import TimeZone


def with_zone(moment: datetime) -> datetime:
    """Raises ValueError for a moment without a time zone."""
    if moment.tzinfo is None:
        raise ValueError("say the time zone too, as in 2026-11-24T12:00:00Z")
    return moment


Moment = Annotated[datetime, AfterValidator(with_zone)]
"""With its time zone."""


class ScheduledRequest(JobRequest):
    """What the requests of scheduled jobs have in common.

    A schedule starts every run with the same request, without a moment: the run takes the moment from Temporal, which
    tells for when it was scheduled, also when it runs late, by catch-up or by backfill. By hand a moment is given.
    """

    at: Moment | None = None
    """For which moment the job is; None where a schedule starts it, which tells it."""
    time_zone: TimeZone = "UTC"
    """In which a moment lies in a period: a day, a month."""

    @property
    def business_id(self) -> str:
        """The moment in UTC; of a schedule's own runs Temporal makes the id."""
        return self.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if self.at else "scheduled"


class ScheduledRun(BaseModel):
    """What the step of a scheduled job is told."""

    model_config = ConfigDict(frozen=True)

    name: str
    """Whose periods they are: the schedule's id, and the kind of a job that was started by hand."""
    at: datetime
    """The moment that the schedule names, not the one at which the run began."""
    time_zone: str
    run: str
    """`<workflow id>/<run id>`."""


class PeriodLedger(Protocol):
    """Which periods of a schedule are done: one row each, for ever. Each call may raise a `TransientError`.

    Temporal runs the same backfill twice, and knows nothing of runs whose retention has ended.
    """

    async def begin(self, name: str, period: str, run: str) -> bool:
        """Begin a period; False where it is done. One that was begun and never done is taken over."""
        ...

    async def done(self, name: str, period: str, result: str) -> None:
        """Keep that a period is done, with a short result that holds no personal data."""
        ...
