"""Mails that are to go out at a time: the job that finds those that are due, and the job of each one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from pydantic import BaseModel, ConfigDict

from domain.orders import Customer
from domain.requests import EntityId, JobRequest
from domain.scheduling import ScheduledRequest


class ScheduledEmailDispatchRequest(ScheduledRequest):
    """Enqueue a job for each scheduled mail that is due."""


class ScheduledEmailRequest(JobRequest):
    """Send one scheduled mail, once."""

    email_id: EntityId


class Dispatched(BaseModel):
    """What a dispatch has done."""

    model_config = ConfigDict(frozen=True)

    done_before: bool = False
    """The moment was done by an earlier run; nothing happened now."""
    queued: int = 0


class ScheduledEmailSent(BaseModel):
    """What became of a mail; no personal data, since it is kept in history."""

    model_config = ConfigDict(frozen=True)

    state: Literal["sent", "already-sent", "email-not-found", "no-address"]
    delivery_key: str


@dataclass(frozen=True)
class ScheduledEmail:
    """One mail that is to go out at a time."""

    id: int
    customer: Customer
    subject: str
    text: str
    due_at: datetime
    sent_at: datetime | None


class ScheduledEmails(Protocol):
    """The mails that are to go out at a time. Each call may raise a `TransientError`."""

    async def queue_due(self, limit: int) -> int:
        """Take up to so many that are due and not queued yet, and enqueue the job of each in the same transaction.

        Those that another dispatcher has in hand are left to it. Returns how many were queued.
        """
        ...

    async def get(self, email_id: int) -> ScheduledEmail | None:
        """Load a mail with its customer; None where there is none."""
        ...

    async def mark_sent(self, email_id: int) -> bool:
        """Set the time at which it was sent where it isn't set; tell whether this call set it."""
        ...
