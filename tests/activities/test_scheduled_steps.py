"""The steps that schedules start, with fakes behind the ports: what is done twice, what is told, what goes on."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from temporalio.testing import ActivityEnvironment

from activities.scheduled_email_dispatch import BATCH, MOST_WAITING, ScheduledEmailDispatchActivities
from activities.session_cleanup import SessionCleanupActivities
from domain.errors import ServiceUnavailable
from domain.scheduled_email_dispatch import Dispatched
from domain.scheduling import ScheduledRun
from domain.session_cleanup import Cleaned
from tests.fakes_scheduled import FakeDueEmails, FakePeriods, FakeSessions

AWAY = ServiceUnavailable("The database is starting or stopping.")


def told(run: str = "one", at: datetime = datetime(2026, 3, 29, 3, tzinfo=UTC), zone: str = "UTC") -> ScheduledRun:
    return ScheduledRun(name="cleanup-sessions", at=at, time_zone=zone, run=run)


class Attempts:
    """Attempts of one step, each with what the one before has told last."""

    def __init__(self) -> None:
        self.told: tuple[object, ...] = ()

    def next(self) -> ActivityEnvironment:
        environment = ActivityEnvironment()
        environment.info = replace(environment.info, heartbeat_details=self.told)

        def heard(*details: object) -> None:
            self.told = details

        environment.on_heartbeat = heard
        return environment


async def test_a_cleanup_that_fails_midway_goes_on_and_counts_on() -> None:
    sessions, periods, attempts = FakeSessions(5000, None, AWAY), FakePeriods(), Attempts()
    steps = SessionCleanupActivities(sessions, periods)
    with pytest.raises(ServiceUnavailable):
        await attempts.next().run(steps.clean, told())
    assert not periods.by, "let go, for another run to take it"

    assert await attempts.next().run(steps.clean, told()) == Cleaned(removed=5000)
    assert sessions.expired == 0
    assert await Attempts().next().run(steps.clean, told()) == Cleaned(removed=5000), "the same run tells what it did"


async def test_a_cleanup_leaves_a_day_to_another_run_that_is_at_it() -> None:
    periods, sessions = FakePeriods(), FakeSessions(10)
    await periods.begin("cleanup-sessions", "2026-03-29", "another")

    found = await Attempts().next().run(SessionCleanupActivities(sessions, periods).clean, told())

    assert found == Cleaned(skipped="another-run-is-under-way")
    assert sessions.expired == 10
    assert periods.by, "it is still the other's"


async def test_a_dispatch_goes_on_until_none_is_due_and_counts_on_after_a_failure() -> None:
    emails, attempts = FakeDueEmails(1042, None, None, None, AWAY), Attempts()
    steps = ScheduledEmailDispatchActivities(emails)
    with pytest.raises(ServiceUnavailable):
        await attempts.next().run(steps.dispatch, told())

    assert await attempts.next().run(steps.dispatch, told()) == Dispatched(queued=1042)
    assert (emails.due, set(emails.limits)) == (0, {BATCH})


async def test_a_dispatch_waits_while_the_jobs_of_many_mails_are_still_to_be_started() -> None:
    emails, attempts = FakeDueEmails(3 * BATCH), Attempts()
    emails.waits = [MOST_WAITING, MOST_WAITING - BATCH + 1, MOST_WAITING - BATCH]

    assert await attempts.next().run(ScheduledEmailDispatchActivities(emails).dispatch, told()) == Dispatched(
        queued=3 * BATCH
    )
    assert emails.waits == [MOST_WAITING - BATCH]
