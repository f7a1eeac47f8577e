"""The step of a mail with a report's link, with fakes behind the ports."""

from __future__ import annotations

from typing import Any

from activities.report_notice import ReportNoticeActivities
from domain.errors import ServiceUnavailable
from domain.mail import MailContent
from domain.report_notice import ReportNoticeRequest
from domain.report_ports import Asking
from domain.reports import ReportState
from tests.fakes import FakeLedger, FakeMail
from tests.fakes_reports import ADA, EXPIRES, FakeBook, FakeLinks, a_finished_report

REPORT = a_finished_report()
REQUEST = ReportNoticeRequest(asking_id=3)


class Templates:
    """Keeps what it was given."""

    def __init__(self) -> None:
        self.given: list[tuple[str, str, dict[str, Any]]] = []

    def render(self, template: str, *, locale: str, data: dict[str, Any]) -> MailContent:
        self.given.append((template, locale, data))
        return MailContent(subject=template, text=data["link"], html="<p></p>")


class Office:
    def __init__(self, *, mail: FakeMail | None = None, state: ReportState = ReportState.ready) -> None:
        report = REPORT.model_copy(update={"state": state})
        self.book = FakeBook(report, askings=[Asking(id=3, report=report, member=ADA)])
        self.links, self.ledger, self.templates, self.mail = FakeLinks(), FakeLedger(), Templates(), mail or FakeMail()
        self.steps = ReportNoticeActivities(self.book, self.links, self.ledger, self.templates, self.mail)

    async def tells(self, request: ReportNoticeRequest = REQUEST) -> str:
        return (await self.steps.tell(request)).state


async def test_whoever_asked_gets_the_link_once() -> None:
    office = Office()

    assert [await office.tells(), await office.tells()] == ["told", "told"]
    told = (await office.steps.tell(REQUEST)).model_dump_json()
    assert told == '{"state":"told","delivery_key":"report-notice/3"}', "neither link nor address"
    [mail] = office.mail.accepted
    assert (mail.recipient, mail.recipient_name, mail.delivery_key) == (ADA.email, ADA.name, "report-notice/3")
    link = mail.content.text
    assert link.startswith("https://")
    assert office.templates.given == [
        ("report-ready", "en_GB", {"report": REPORT, "member": ADA, "link": link, "expires_at": EXPIRES})
    ]
    assert office.links.made == [REPORT.id]


async def test_a_mail_that_was_not_accepted_is_sent_again_under_the_same_key() -> None:
    office = Office(mail=FakeMail(ServiceUnavailable("451")))
    try:
        await office.tells()
    except ServiceUnavailable:
        assert await office.tells() == "told"
    assert [mail.delivery_key for mail in office.mail.attempts] == ["report-notice/3"] * 2


async def test_nobody_is_told_of_a_report_that_was_removed_or_an_asking_that_is_gone() -> None:
    office = Office(state=ReportState.removed)
    assert await office.tells() == "report-removed"
    assert await office.tells(ReportNoticeRequest(asking_id=4)) == "asking-not-found"
    assert (office.mail.attempts, office.links.made) == ([], [])
