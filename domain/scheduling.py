"""Jobs that a schedule starts: for which moment, and that a period is done once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal, Protocol, Self, TypeVar

from pydantic import AfterValidator

from domain.errors import TransientError
from domain.periods import TimeZone
from domain.requests import JobRequest
from domain.values import Value


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
    """In which a moment lies in a period: a day, a month. Schedules and `jobs start` fill in the shop's."""

    def in_zone(self, shops: str) -> Self:
        """In the shop's time zone, unless it names one itself."""
        return self if "time_zone" in self.model_fields_set else self.model_copy(update={"time_zone": shops})

    @property
    def business_id(self) -> str:
        """The moment in UTC; of a schedule's own runs Temporal makes the id."""
        return self.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if self.at else "scheduled"


class ScheduledRun(Value):
    """What the step of a scheduled job is told."""

    name: str
    """Whose periods they are: the schedule's id, and the kind of a job that was started by hand."""
    at: datetime
    """The moment that the schedule names, not the one at which the run began."""
    time_zone: str
    run: str
    """`<workflow id>/<run id>`."""


class OfPeriod(Value):
    """What a step tells that does a period once. Subclass it with what it did, in small facts."""

    skipped: Literal["period-done-already", "another-run-is-under-way"] | None = None
    """Why nothing was done; None where it was."""


@dataclass(frozen=True)
class Begun:
    """What the ledger says to a run that wants to do a period."""

    by: str
    """The run that has it, or has done it."""
    result: str | None = None
    """Where it is done."""


HELD = timedelta(minutes=3)
"""How long a run has a period without saying so again. Longer than any one call to the database."""


class PeriodLedger(Protocol):
    """Which periods of a schedule are done: one row each, for ever. Each call may raise a `TransientError`.

    Temporal runs the same backfill twice, and knows nothing of runs whose retention has ended.
    """

    async def begin(self, name: str, period: str, run: str) -> Begun:
        """Take a period, or hold one that this run has for longer.

        A run holds it for some minutes, until it is done or lets go. One that was begun and neither done nor held any
        more is taken over; so is one that the same run has begun, at an earlier attempt.
        """
        ...

    async def done(self, name: str, period: str, run: str, result: str) -> None:
        """Keep that a period is done, with a short result that holds no personal data. The first result stays."""
        ...

    async def let_go(self, name: str, period: str, run: str) -> None:
        """Hold a period no longer that isn't done; does nothing where another run has it."""
        ...


Result = TypeVar("Result", bound=OfPeriod)


@dataclass(frozen=True)
class PeriodTurn:
    """A run's turn at a period: it does it, unless there is nothing to do."""

    ledger: PeriodLedger
    told: ScheduledRun
    period: str
    begun: Begun

    def nothing_to_do(self, result: type[Result]) -> Result | None:
        """What the step tells where the period is done, or another run is at it; None where it is this run's to do.

        A run that was interrupted between having done it and telling so tells now what it did.
        """
        if self.begun.result is None:
            return None if self.begun.by == self.told.run else result(skipped="another-run-is-under-way")
        if self.begun.by == self.told.run:
            return result.model_validate_json(self.begun.result)
        return result(skipped="period-done-already")

    async def hold(self) -> None:
        """Say that the run is still at it; to be called every minute at least."""
        await self.ledger.begin(self.told.name, self.period, self.told.run)

    async def done(self, result: OfPeriod) -> None:
        """Keep that the period is done."""
        await self.ledger.done(self.told.name, self.period, self.told.run, result.model_dump_json())


@asynccontextmanager
async def turn_at(ledger: PeriodLedger, told: ScheduledRun, period: str) -> AsyncIterator[PeriodTurn]:
    """Begin a period; let go of it at the end, for another run to take it where it wasn't done.

    Two runs are not at the same period at a time, unless one of them was silent for minutes: what a period does must
    be harmless the second time all the same, since an attempt that was killed is made again.
    """
    begun = await ledger.begin(told.name, period, told.run)
    try:
        yield PeriodTurn(ledger, told, period, begun)
    finally:
        # Else it is free some minutes later.
        with suppress(TransientError):
            await ledger.let_go(told.name, period, told.run)
