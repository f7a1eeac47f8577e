"""Courses of the kinds that schedules start, and of the mails that one of them enqueues."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from domain.errors import RecipientRejected, ServiceUnavailable
from domain.monthly_reports import MonthlyReportsRequest, Subscription, Subscriptions
from domain.scheduled_email import ScheduledEmailRequest, ScheduledEmails
from domain.scheduled_email_dispatch import DueEmails, ScheduledEmailDispatchRequest
from domain.scheduling import PeriodLedger
from domain.session_cleanup import SessionCleanupRequest, Sessions
from tests.fakes import FakeMail, FakeOrders, fake_ports
from tests.fakes_scheduled import (
    FakeDueEmails,
    FakePeriods,
    FakeScheduledEmails,
    FakeSessions,
    FakeSubscriptions,
    a_scheduled_email,
)
from tests.histories.courses.course import BUSY, Course

AWAY = ServiceUnavailable("The database is starting or stopping (SQLSTATE 57P03).")


def at(day: int) -> datetime:
    return datetime(2026, 1, day, 3, tzinfo=UTC)


def _cleanups() -> Iterator[tuple[str, Course]]:
    done = FakePeriods()
    done.by["session-cleanup", "2026-01-03"] = "another"
    done.results["session-cleanup", "2026-01-03"] = "{}"
    for day, (name, sessions, periods) in enumerate(
        [
            ("done", FakeSessions(5_000), FakePeriods()),
            ("done-at-the-second-attempt", FakeSessions(5_000, None, AWAY), FakePeriods()),
            ("skipped-done-already", FakeSessions(), done),
        ],
        start=1,
    ):
        ports = fake_ports(FakeOrders()) | {Sessions: sessions, PeriodLedger: periods}
        yield name, Course(SessionCleanupRequest(at=at(day)), ports)


def _dispatches() -> Iterator[tuple[str, Course]]:
    for day, (name, due) in enumerate(
        [("done", FakeDueEmails(250)), ("done-at-the-second-attempt", FakeDueEmails(250, None, AWAY))], start=1
    ):
        ports = fake_ports(FakeOrders()) | {DueEmails: due}
        yield name, Course(ScheduledEmailDispatchRequest(at=at(day)), ports)


def _emails() -> Iterator[tuple[str, Course]]:
    scripts: dict[str, list[BaseException | None]] = {
        "done-at-once": [],
        "done-at-the-second-attempt": [ServiceUnavailable(BUSY)],
        "refused-at-once": [RecipientRejected("550 5.1.1 at RCPT TO")],
        "skipped-not-found": [],
    }
    for email_id, (name, script) in enumerate(scripts.items(), start=1):
        there = FakeScheduledEmails() if "not-found" in name else FakeScheduledEmails(a_scheduled_email(email_id))
        ports = fake_ports(FakeOrders(), mail=FakeMail(*script)) | {ScheduledEmails: there}
        yield name, Course(ScheduledEmailRequest(email_id=email_id), ports)


def a_subscription(number: int = 1, zone: str = "UTC") -> Subscription:
    return Subscription(id=number, report="sales-summary", format="pdf", time_zone=zone, member_id=number)


def _monthly() -> Iterator[tuple[str, Course]]:
    subscriptions = {
        "done": [a_subscription()],
        "failed-on-one": [a_subscription(1, "Atlantis/Capital"), a_subscription(2)],
    }
    for day, (name, all_of_them) in enumerate(subscriptions.items(), start=1):
        ports = fake_ports(FakeOrders()) | {Subscriptions: FakeSubscriptions(*all_of_them)}
        yield name, Course(MonthlyReportsRequest(at=at(day), time_zone="Europe/Zurich"), ports)
    # A month that is over in no time zone: the run waits for it, and the clock skips.
    ahead = datetime(2040, 1, 1, tzinfo=UTC)
    all_of_them = [a_subscription(), a_subscription(2, "Asia/Tokyo")]
    ports = fake_ports(FakeOrders()) | {Subscriptions: FakeSubscriptions(*all_of_them)}
    yield "done-once-the-month-is-over", Course(MonthlyReportsRequest(at=ahead), ports)


COURSES = {
    "session-cleanup": dict(_cleanups()),
    "scheduled-email-dispatch": dict(_dispatches()),
    "scheduled-email": dict(_emails()),
    "monthly-reports": dict(_monthly()),
}
