"""The request that enqueues the scheduled mails that are due, and what its step tells the workflow."""

from __future__ import annotations

from typing import Protocol

from domain.scheduling import ScheduledRequest
from domain.values import Value


class ScheduledEmailDispatchRequest(ScheduledRequest):
    """Enqueue a job for each scheduled mail that is due."""

    kind = "scheduled-email-dispatch"


class Dispatched(Value):
    """What a dispatch has done."""

    queued: int = 0


class DueEmails(Protocol):
    """The scheduled mails that wait for their time. Each call may raise a `TransientError`."""

    async def queue(self, limit: int) -> int:
        """Take up to so many that are due by now and not queued, and enqueue the job of each in the same transaction.

        Those that another dispatcher has in hand are left to it. Returns how many were queued.
        """
        ...

    async def waiting(self) -> int:
        """How many jobs of queued mails are enqueued and were not tried to start yet."""
        ...
