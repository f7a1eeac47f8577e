"""Ordinary classes behind the ports of what schedules start."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from uuid import UUID

from domain.idempotency import Answer, Repeatable
from domain.monthly_reports import Subscription, Subscriptions
from domain.orders import Customer
from domain.report_generation import ReportGenerationRequest
from domain.report_ports import Asked, ReportDesk
from domain.reports import Report, ReportState
from domain.scheduled_email import ScheduledEmail, ScheduledEmails
from domain.scheduled_email_dispatch import DueEmails
from domain.scheduling import Begun, PeriodLedger
from domain.session_cleanup import Sessions
from tests.fakes_reports import a_report


class FakePeriods:
    """Holds what is begun until it is let go."""

    def __init__(self) -> None:
        self.by: dict[tuple[str, str], str] = {}
        self.results: dict[tuple[str, str], str] = {}

    async def begin(self, name: str, period: str, run: str) -> Begun:
        key = (name, period)
        return Begun(by=self.by.setdefault(key, run), result=self.results.get(key))

    async def done(self, name: str, period: str, run: str, result: str) -> None:  # noqa: ARG002  # the port's
        self.results.setdefault((name, period), result)

    async def let_go(self, name: str, period: str, run: str) -> None:
        key = (name, period)
        if key not in self.results and self.by.get(key) == run:
            del self.by[key]


class FakeSessions:
    """Has so many that have expired; at each call the next of the script's errors comes first."""

    def __init__(self, expired: int = 0, *script: BaseException | None) -> None:
        self.expired = expired
        self.script = list(script)

    async def remove_expired(self, limit: int) -> int:
        if self.script and (error := self.script.pop(0)):
            raise error
        removed = min(limit, self.expired)
        self.expired -= removed
        return removed


class FakeDueEmails:
    def __init__(self, due: int = 0, *script: BaseException | None) -> None:
        self.due = due
        self.script = list(script)
        self.limits: list[int] = []
        self.waits = [0]
        """At each look, how many wait: the next one, and the last one again and again."""

    async def queue(self, limit: int) -> int:
        self.limits.append(limit)
        if self.script and (error := self.script.pop(0)):
            raise error
        queued = min(limit, self.due)
        self.due -= queued
        return queued

    async def waiting(self) -> int:
        return self.waits.pop(0) if len(self.waits) > 1 else self.waits[0]


def a_scheduled_email(
    email_id: int = 7, *, address: str | None = "ada@example.com", sent: bool = False
) -> ScheduledEmail:
    moment = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
    return ScheduledEmail(
        id=email_id,
        customer=Customer(id=7, name="Ada Lovelace", email=address, locale="en_GB"),
        subject="Your week",
        text="Hello Ada,\n\nthis is your week.",
        due_at=moment,
        sent_at=moment if sent else None,
    )


class FakeScheduledEmails:
    def __init__(self, *emails: ScheduledEmail) -> None:
        self.emails = {email.id: email for email in emails}

    async def get(self, email_id: int) -> ScheduledEmail | None:
        return self.emails.get(email_id)

    async def mark_sent(self, email_id: int) -> bool:
        email = self.emails[email_id]
        if email.sent_at is not None:
            return False
        self.emails[email_id] = email.model_copy(update={"sent_at": datetime.now(UTC)})
        return True


class FakeSubscriptions:
    def __init__(self, *subscriptions: Subscription) -> None:
        self.subscriptions = subscriptions

    async def all(self) -> Sequence[Subscription]:
        return self.subscriptions


class FakeDesk:
    """Takes down what is asked for; at each asking the next of the script's errors comes first."""

    def __init__(self, *script: BaseException | None) -> None:
        self.script = list(script)
        self.asked: list[ReportGenerationRequest] = []
        self.answers: dict[str, Answer] = {}

    async def ask(
        self,
        request: ReportGenerationRequest,
        answer: Callable[[Asked], Answer],
        repeatable: Repeatable | None = None,
        *,
        refresh: bool = False,  # noqa: ARG002  # the port's
        client: str | None = None,  # noqa: ARG002  # the port's
    ) -> Answer:
        key = repeatable.key if repeatable else ""
        if key in self.answers:
            return self.answers[key]
        if self.script and (error := self.script.pop(0)):
            raise error
        self.asked.append(request)
        given = answer(Asked(report=a_report(request, ReportState.requested), joined=False))
        if key:
            self.answers[key] = given
        return given

    async def find(self, report_id: UUID, *, client: str | None = None) -> Report | None:  # noqa: ARG002  # the port's
        return None


def scheduled_ports() -> dict[type, object]:
    return {
        PeriodLedger: FakePeriods(),
        Sessions: FakeSessions(),
        DueEmails: FakeDueEmails(),
        ScheduledEmails: FakeScheduledEmails(),
        Subscriptions: FakeSubscriptions(),
        ReportDesk: FakeDesk(),
    }
