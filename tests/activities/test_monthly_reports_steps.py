"""The step of monthly reports, with fakes behind the ports: which month, for whom, and once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from temporalio.testing import ActivityEnvironment

from activities.monthly_reports import MonthlyReportsActivities
from domain.errors import ServiceUnavailable
from domain.monthly_reports import MonthlyAsked, MonthlyReportsRun, Subscription, SubscriptionsRefused
from domain.report_ports import UnknownMember
from domain.scheduling import HELD
from tests.fakes_scheduled import FakeDesk, FakePeriods, FakeSubscriptions

FIRST_OF_MARCH = datetime(2026, 3, 1, 1, tzinfo=UTC)
LATER = datetime(2026, 11, 24, tzinfo=UTC)


def subscription(number: int, zone: str = "UTC", report: str = "sales-summary", format: str = "pdf") -> Subscription:  # noqa: A002  # the row's name
    return Subscription(id=number, report=report, format=format, time_zone=zone, member_id=100 + number)


class Office:
    def __init__(self, *subscriptions: Subscription, desk: FakeDesk | None = None) -> None:
        self.desk = desk or FakeDesk()
        self.periods = FakePeriods()
        self.steps = MonthlyReportsActivities(FakeSubscriptions(*subscriptions), self.desk, self.periods)

    async def ask(
        self, at: datetime = FIRST_OF_MARCH, *, zone: str = "UTC", now: datetime = LATER, run: str = "one"
    ) -> MonthlyAsked:
        told = MonthlyReportsRun(name="monthly-reports-zurich", at=at, time_zone=zone, run=run, now=now)
        return await ActivityEnvironment().run(self.steps.ask, told)

    @property
    def asked(self) -> list[tuple[int | None, str]]:
        """Who has asked for which period."""
        return [(request.requested_by, request.period) for request in self.desk.asked]


async def test_a_month_is_asked_for_once_it_is_over_where_the_report_is_of() -> None:
    """At three in Zurich, New York has still nine hours of the old month."""
    office = Office(
        subscription(1, "Europe/Zurich"), subscription(2, "America/New_York"), subscription(3, "Asia/Tokyo")
    )
    at = datetime(2026, 11, 1, 2, tzinfo=UTC)

    first = await office.ask(at, zone="Europe/Zurich", now=at)

    over = datetime(2026, 11, 1, 4, 1, tzinfo=UTC)  # summer time until the morning of that very day
    assert first == MonthlyAsked(month="2026-10", asked=2, again_at=over)
    assert office.asked == [(101, "2026-10"), (103, "2026-10")]
    assert await office.ask(at, zone="Europe/Zurich", now=over - timedelta(seconds=1)) == first, "nobody twice"
    assert await office.ask(at, zone="Europe/Zurich", now=over) == MonthlyAsked(month="2026-10", asked=3)
    assert office.asked[2:] == [(102, "2026-10")]


async def test_a_subscription_that_is_wrong_keeps_none_of_the_others_back_and_is_named() -> None:
    desk = FakeDesk(None, UnknownMember(102))
    office = Office(
        subscription(1),
        subscription(2),
        subscription(3, "Atlantis/Capital"),
        subscription(4, report="orders-export", format="pdf"),
        subscription(5),
        desk=desk,
    )
    with pytest.raises(SubscriptionsRefused) as refused:
        await office.ask()

    assert refused.value.message == (
        "The reports of 2026-02 could not be asked for on 3 of 5 subscriptions: "
        "2 (UnknownMember), 3 (time_zone), 4 (report and format)."
    )
    assert office.asked == [(101, "2026-02"), (105, "2026-02")]
    # Somebody has mended them, and redrives the job.
    office.steps = MonthlyReportsActivities(FakeSubscriptions(*map(subscription, range(1, 6))), desk, office.periods)
    assert await office.ask(run="redriven") == MonthlyAsked(month="2026-02", asked=5)
    assert [member for member, _ in office.asked] == [101, 105, 102, 103, 104]


async def test_an_attempt_that_fails_midway_goes_on_and_asks_nobody_twice() -> None:
    away = ServiceUnavailable("The database is starting or stopping.")
    office = Office(*map(subscription, range(1, 5)), desk=FakeDesk(None, None, away))
    with pytest.raises(ServiceUnavailable):
        await office.ask()
    # Killed between the desk's commit and the ledger's record of it.
    del office.periods.results["monthly-reports", "2026-02/2"]

    assert await office.ask() == MonthlyAsked(month="2026-02", asked=4)
    assert [member for member, _ in office.asked] == [101, 102, 103, 104]


async def test_a_month_that_another_run_has_is_waited_for_since_that_run_may_be_dead_and_none_comes_later() -> None:
    office = Office(subscription(1))
    await office.periods.begin("monthly-reports", "2026-02", "killed")
    with pytest.raises(ServiceUnavailable, match="Another run") as waits:
        await office.ask(run="redriven")
    assert waits.value.retry_after == HELD
    assert office.desk.asked == []

    await office.periods.let_go("monthly-reports", "2026-02", "killed")

    assert (await office.ask(run="redriven")).asked == 1
