"""The step of a scheduled mail."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from temporalio import activity

from domain.delivery import send_claimed
from domain.mail import Mail
from domain.ports import DeliveryLedger, MailSender, MailTemplates
from domain.scheduled_email import ScheduledEmailRequest, ScheduledEmails, ScheduledEmailSent


class ScheduledEmailActivities:
    """What a scheduled mail does to the world, behind ports."""

    calls: ClassVar[Mapping[type, int]] = {ScheduledEmails: 2, DeliveryLedger: 2}
    """More than one call of a port in an attempt, for the check of time limits."""

    def __init__(
        self, emails: ScheduledEmails, ledger: DeliveryLedger, templates: MailTemplates, mail: MailSender
    ) -> None:
        self._emails = emails
        self._ledger = ledger
        self._templates = templates
        self._mail = mail

    @activity.defn(name="scheduled_email.send")
    async def send(self, request: ScheduledEmailRequest) -> ScheduledEmailSent:
        """Can run twice: what was sent is in the ledger, what was marked stays as it was marked."""
        key = request.workflow_id

        email = await self._emails.get(request.email_id)

        if email is None:
            return ScheduledEmailSent(state="email-not-found", delivery_key=key)
        if email.sent_at is not None:
            return ScheduledEmailSent(state="already-sent", delivery_key=key)
        customer = email.customer
        if customer.email is None:
            return ScheduledEmailSent(state="no-address", delivery_key=key)

        if await self._ledger.claim(key):
            content = self._templates.render("scheduled-email", locale=customer.locale, data={"email": email})
            mail = Mail(recipient=customer.email, recipient_name=customer.name, content=content, delivery_key=key)
            await send_claimed(self._ledger, self._mail, mail)

        await self._emails.mark_sent(email.id)
        return ScheduledEmailSent(state="sent", delivery_key=key)
