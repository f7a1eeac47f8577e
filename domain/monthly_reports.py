"""The request that asks for the reports of the month before, and what its step tells the workflow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from domain.errors import PermanentError
from domain.scheduling import OfPeriod, ScheduledRequest, ScheduledRun


class MonthlyReportsRequest(ScheduledRequest):
    """Ask for the reports of the month before, for all who have subscribed to them."""

    kind = "monthly-reports"


class MonthlyReportsRun(ScheduledRun):
    """What the step is told."""

    now: datetime
    """Months that are over by then are asked for."""


class MonthlyAsked(OfPeriod):
    """What was asked for."""

    month: str | None = None
    asked: int = 0
    """Of how many subscriptions, by this run or by one before it."""
    again_at: datetime | None = None
    """When the step is to be made again: the month is not over yet in the time zones of some; None where all are
    asked."""


class SubscriptionsRefused(PermanentError, type_name="SubscriptionsRefused"):
    """The reports of some subscriptions could not be asked for."""

    remedy = "Correct or delete these rows of report_subscriptions, then redrive the job: it asks for them alone."


@dataclass(frozen=True)
class Subscription:
    """That a member of the staff gets a report every month, as it stands in the database: it need not fit together."""

    id: int
    report: str
    format: str
    time_zone: str
    member_id: int


class Subscriptions(Protocol):
    """Who gets which reports every month. Each call may raise a `TransientError`."""

    async def all(self) -> Sequence[Subscription]:
        """All subscriptions, in the order in which they were made."""
        ...
