"""The step of a mail with the link to a report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from temporalio import activity

from domain.delivery import send_claimed
from domain.mail import Mail
from domain.ports import DeliveryLedger, MailSender, MailTemplates
from domain.report_notice import ReportNoticeRequest, ReportTold
from domain.report_ports import ReportBook, ReportLinks
from domain.reports import ReportState


class ReportNoticeActivities:
    """What a mail with a report's link does to the world, behind ports."""

    calls: ClassVar[Mapping[type, int]] = {DeliveryLedger: 2}
    """More than one call of a port in an attempt, for the check of time limits."""

    def __init__(
        self,
        book: ReportBook,
        links: ReportLinks,
        ledger: DeliveryLedger,
        templates: MailTemplates,
        mail: MailSender,
    ) -> None:
        self._book = book
        self._links = links
        self._ledger = ledger
        self._templates = templates
        self._mail = mail

    @activity.defn(name="report_notice.tell")
    async def tell(self, request: ReportNoticeRequest) -> ReportTold:
        """Can run twice: what was sent is in the ledger, under the job's id.

        The link is made here, and goes into the mail alone: whoever knows it can download the file.
        """
        key = request.workflow_id

        asking = await self._book.asking(request.asking_id)

        if asking is None:
            return ReportTold(state="asking-not-found", delivery_key=key)
        report, member = asking.report, asking.member
        if report.state is not ReportState.ready:
            return ReportTold(state="report-removed", delivery_key=key)

        if await self._ledger.claim(key):
            # Before the link is made, so that the mail never promises too much.
            expires_at = self._links.expires_at()
            data = {
                "report": report,
                "member": member,
                "link": self._links.link(report.id),
                "expires_at": expires_at,
            }
            content = self._templates.render("report-ready", locale=member.locale, data=data)
            mail = Mail(recipient=member.email, recipient_name=member.name, content=content, delivery_key=key)
            await send_claimed(self._ledger, self._mail, mail)
        return ReportTold(state="told", delivery_key=key)
