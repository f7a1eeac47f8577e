"""Jobs that are still in the outbox, one by one: what is known of them, and taking them back."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from domain.outbox import Problem


@dataclass(frozen=True)
class EnqueuedJob:
    """A job that was enqueued, and that Temporal may not have yet."""

    enqueued_at: datetime
    not_before: datetime | None
    attempts: int
    """How often its start was tried and put off."""
    retry_at: datetime | None
    problem: Problem | None
    """Why its start was put off, or refused."""
    refused: bool
    """It is not tried again by itself."""


class BeingStarted(Exception):
    """A relay is starting the job at this moment, so that it cannot be taken back."""


class EnqueuedJobs(Protocol):
    """The outbox, seen by the ids of jobs. Each call may raise a `TransientError`."""

    async def find(self, job_id: str) -> EnqueuedJob | None:
        """The oldest entry of this job; None where there is none."""
        ...

    def withdraw(self, job_id: str) -> AbstractAsyncContextManager[int]:
        """Take all entries of this job out, and tell how many there were; what is raised inside puts them back.

        Waits for a relay that has them, and raises BeingStarted where that takes too long.
        """
        ...
