"""The step of a scheduled mail, with fakes behind the ports."""

from __future__ import annotations

import pytest

from activities.scheduled_email import ScheduledEmailActivities
from domain.errors import ServiceUnavailable
from domain.scheduled_email import ScheduledEmail, ScheduledEmailRequest
from tests.fakes import FakeLedger, FakeMail, FakeTemplates
from tests.fakes_scheduled import FakeScheduledEmails, a_scheduled_email

REQUEST = ScheduledEmailRequest(email_id=7)


class Desk:
    def __init__(self, *emails: ScheduledEmail, mail: FakeMail | None = None) -> None:
        self.emails = FakeScheduledEmails(*emails)
        self.ledger = FakeLedger()
        self.mail = mail or FakeMail()
        self.steps = ScheduledEmailActivities(self.emails, self.ledger, FakeTemplates(), self.mail)


async def test_a_mail_goes_out_once_however_often_the_step_runs() -> None:
    desk = Desk(a_scheduled_email(), mail=FakeMail(ServiceUnavailable("451 at RCPT TO")))
    with pytest.raises(ServiceUnavailable):
        await desk.steps.send(REQUEST)
    assert desk.emails.emails[7].sent_at is None

    states = [(await desk.steps.send(REQUEST)).state for _ in range(3)]

    assert states == ["sent", "already-sent", "already-sent"]
    assert [mail.delivery_key for mail in desk.mail.accepted] == ["scheduled-email/7"]


async def test_a_mail_that_was_accepted_before_it_could_be_marked_is_marked_and_not_sent() -> None:
    desk = Desk(a_scheduled_email())
    await desk.ledger.record("scheduled-email/7", "250 2.0.0")

    assert (await desk.steps.send(REQUEST)).state == "sent"
    assert desk.mail.attempts == []
    assert desk.emails.emails[7].sent_at is not None


@pytest.mark.parametrize(
    ("emails", "state"),
    [
        ([], "email-not-found"),
        ([a_scheduled_email(sent=True)], "already-sent"),
        ([a_scheduled_email(address=None)], "no-address"),
    ],
)
async def test_what_cannot_be_sent_and_is_nobodys_fault_is_told(emails: list[ScheduledEmail], state: str) -> None:
    desk = Desk(*emails)
    assert (await desk.steps.send(REQUEST)).state == state
    assert desk.mail.attempts == []
    assert not desk.ledger.claims
