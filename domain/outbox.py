"""The outbox: jobs that were enqueued in the application's own transaction, and are still to be started."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True)
class Entry:
    """One row of the outbox, as the relay takes it."""

    id: int
    start_id: UUID
    """Of this one start, and of no other; the same however often it is tried."""
    kind: str
    payload: str
    """JSON."""
    delay: timedelta | None
    """What is left until the job may start; None where it may now."""
    priority: int | None
    fairness_key: str | None
    attempts: int
    """How often its start was tried and put off."""


@dataclass(frozen=True)
class Problem:
    """Why an entry could not be started. `error_type` is a class's name; the message says what to do."""

    error_type: str
    message: str


@dataclass(frozen=True)
class NotStarted:
    """Why an entry's job was not started, and how long to wait before it is tried again."""

    problem: Problem
    wait: timedelta | None = None
    """None: the entry is refused, and stays until an operator retries or discards it."""


@dataclass
class Batch:
    """Entries that one relay has taken, and no other can, until it lets go of them; and the outcome of each.

    An entry without an outcome stays as it was.
    """

    entries: Sequence[Entry]
    started: list[int] = field(default_factory=list)
    """Ids of entries that Temporal has."""
    kept: dict[int, NotStarted] = field(default_factory=dict)
    """By id."""


@dataclass(frozen=True)
class Backlog:
    """What is in the outbox."""

    waiting: int
    oldest: timedelta
    """How long the oldest of the waiting has waited; zero where none does."""
    refused: int


class Outbox(Protocol):
    """What the relay needs of the outbox. Each call may raise a `TransientError`."""

    def take(
        self,
        limit: int,
        *,
        own: Collection[str],
        known: Collection[str],
        patience: timedelta,
        without: Collection[int] = (),
    ) -> AbstractAsyncContextManager[Batch]:
        """Take the oldest entries that nobody else has taken, for as long as the context lasts; then settle them.

        `limit` is for new ones; those that were put off and are due again come on top, a fifth as many at most.
        Entries `without` these ids.

        Entries of `own` kinds are taken at once, those of other `known` kinds once they have waited for `patience`,
        those of kinds that are not known after a minute: a relay that knows them may be about to come.
        """
        ...

    async def revive(self, known: Collection[str]) -> int:
        """Let entries of these kinds be tried again that were refused as unknown; returns how many."""
        ...

    async def listen(self, wake: Callable[[], None]) -> None:
        """Call `wake` whenever entries have come; until cancelled. Some calls may be missed: look now and then too."""
        ...

    async def backlog(self) -> Backlog:
        """Count what is there."""
        ...


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
