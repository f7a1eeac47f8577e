"""The step of monthly reports."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import ClassVar

from pydantic import ValidationError
from temporalio import activity

from domain.errors import PermanentError, ServiceUnavailable, error_type
from domain.idempotency import Answer, Repeatable, StillAtWork
from domain.monthly_reports import (
    MonthlyAsked,
    MonthlyReportsRequest,
    MonthlyReportsRun,
    Subscription,
    Subscriptions,
    SubscriptionsRefused,
)
from domain.periods import Period, month_before
from domain.report_generation import ReportGenerationRequest
from domain.report_ports import ReportDesk, UnknownMember
from domain.scheduling import HELD, PeriodLedger, PeriodTurn, turn_at

NAME = MonthlyReportsRequest.kind
"""Whose periods they are, whatever schedule or person started the run: the subscriptions are the same."""

_MARGIN = timedelta(minutes=1)
"""By which the database's clock may be late."""
_MOST_NAMED = 20


class MonthlyReportsActivities:
    """What monthly reports do to the world, behind ports."""

    calls: ClassVar[Mapping[type, int]] = {PeriodLedger: 2}
    """More than one call of a port in an attempt, for the check of time limits. It goes from one subscription to the
    next, and one that is stopped between two of them has lost nothing."""

    def __init__(self, subscriptions: Subscriptions, desk: ReportDesk, periods: PeriodLedger) -> None:
        self._subscriptions = subscriptions
        self._desk = desk
        self._periods = periods

    @activity.defn(name="monthly_reports.ask")
    async def ask(self, run: MonthlyReportsRun) -> MonthlyAsked:
        """Can run twice: the ledger has each subscription that was asked for, and the desk its key for a day.

        The schedule's time zone says which month it is, a subscription's own when that month is over for it. One that
        is wrong in itself keeps none of the others back: the run fails at the end, when all of them are asked.
        """
        month = month_before(run.at, run.time_zone)
        async with turn_at(self._periods, run.model_copy(update={"name": NAME}), month.text) as turn:
            if (ended := turn.nothing_to_do(MonthlyAsked)) is not None:
                if ended.skipped == "another-run-is-under-way":
                    # It may be dead, and no later run is for this month: skipped now, nobody would ask for it.
                    raise ServiceUnavailable(f"Another run asks for the reports of {month.text}.", retry_after=HELD)
                return ended
            asked, open_until, refused = 0, list[datetime](), list[str]()
            for subscription in await self._subscriptions.all():
                try:
                    request = _request(subscription, month)
                    over = month.bounds(request.time_zone)[1] + _MARGIN
                    if over > run.now:
                        open_until.append(over)
                        continue
                    await self._ask_once(turn, subscription, request)
                    asked += 1
                except (ValidationError, UnknownMember, PermanentError) as exc:
                    refused.append(f"{subscription.id} ({_why(exc)})")
                activity.heartbeat(asked)
            found = MonthlyAsked(month=month.text, asked=asked, again_at=min(open_until, default=None))
            if found.again_at is None:
                if refused:
                    raise SubscriptionsRefused(_message(month, refused, asked))
                await turn.done(found)
        activity.logger.info(
            "Monthly reports were asked for", extra={"action": "asked", "month": month.text, "asked": asked}
        )
        return found

    async def _ask_once(self, turn: PeriodTurn, subscription: Subscription, request: ReportGenerationRequest) -> None:
        async with turn_at(self._periods, turn.told, f"{turn.period}/{subscription.id}") as mine:
            if mine.begun.result is not None:
                return
            await turn.hold()
            # Between the desk's commit and the ledger's record of it, the attempt may be killed.
            digest = hashlib.sha256(f"{request.model_dump_json()} of {subscription.id}".encode())
            repeatable = Repeatable(client=f"schedule {NAME}", key=digest.hexdigest(), request_hash=digest.digest())
            try:
                await self._desk.ask(request, lambda _: Answer(200, "", None), repeatable)
            except StillAtWork:
                raise ServiceUnavailable("Another run is asking for the same report.") from None
            await mine.done(MonthlyAsked(month=turn.period, asked=1))


def _request(subscription: Subscription, month: Period) -> ReportGenerationRequest:
    """Raises ValidationError for a subscription that does not fit together."""
    return ReportGenerationRequest.model_validate(
        {
            "report": subscription.report,
            "period": month.text,
            "format": subscription.format,
            "time_zone": subscription.time_zone,
            "requested_by": subscription.member_id,
        }
    )


def _why(exc: Exception) -> str:
    """The field that is wrong, or the error's class; never a value."""
    if isinstance(exc, ValidationError):
        fields = [".".join(map(str, error["loc"])) for error in exc.errors(include_url=False, include_input=False)]
        return ", ".join(field or "report and format" for field in fields)
    return error_type(exc)


def _message(month: Period, refused: list[str], asked: int) -> str:
    named = ", ".join(refused[:_MOST_NAMED])
    more = f" and {len(refused) - _MOST_NAMED} more" if len(refused) > _MOST_NAMED else ""
    return (
        f"The reports of {month.text} could not be asked for on {len(refused)} of {asked + len(refused)} "
        f"subscriptions: {named}{more}."
    )
