"""A mail that is to go out at a time: the request that sends it, and what its step tells the workflow."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, Protocol

from domain.orders import Customer
from domain.requests import EntityId, JobRequest
from domain.values import Value


class ScheduledEmailRequest(JobRequest):
    """Send one scheduled mail, once."""

    kind = "scheduled-email"

    email_id: EntityId


class ScheduledEmailSent(Value):
    """What became of a mail; no personal data, since it is kept in history."""

    state: Literal["sent", "already-sent", "email-not-found", "no-address"]
    delivery_key: str


class ScheduledEmail(Value):
    """One mail that is to go out at a time."""

    id: int
    customer: Customer
    subject: str
    text: str
    """Plain text; an empty line ends a paragraph."""
    due_at: datetime
    sent_at: datetime | None


class ScheduledEmails(Protocol):
    """The scheduled mails, one by one. Each call may raise a `TransientError`."""

    async def get(self, email_id: int) -> ScheduledEmail | None:
        """Load a mail with its customer; None where there is none."""
        ...

    async def mark_sent(self, email_id: int) -> bool:
        """Set the time at which it was sent where it isn't set; tell whether this call set it."""
        ...
