"""The sweep's request and result, what it asks Temporal for, and how dead letters settle."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from domain.dead_letters import WAITING, DeadLetter, DeadLetterState, FailedRun, FailureCause, Move
from domain.scheduling import ScheduledRequest
from domain.values import Value


class DeadLetterSweepRequest(ScheduledRequest):
    """Find dead runs that have no dead letter, and settle the dead letters of jobs that recovered."""

    kind = "dead-letter-sweep"


class Swept(Value):
    """The result of a sweep."""

    recorded: int = 0
    """Dead letters that are new, or open again."""
    resolved: int = 0
    moved: int = 0
    """Moved to another state."""


class RunState(StrEnum):
    """The state of a run in a list."""

    running = "running"
    well = "well"
    """Completed, cancelled or continued as new."""
    dead = "dead"
    """Failed, timed out or terminated."""


@dataclass(frozen=True)
class ListedRun:
    """A run as listed by Temporal's visibility."""

    workflow_id: str
    run_id: str
    state: RunState
    cause: FailureCause | None = None
    """Why it seems to be dead."""


@dataclass(frozen=True)
class SweepTimes:
    """Time limits of a sweep."""

    no_worker_after: timedelta = timedelta(minutes=15)
    """How long a run's first task may wait if no worker polls its queue."""
    overlap: timedelta = timedelta(minutes=10)
    """How far a sweep looks back before the last one: clocks differ, and lists lag."""
    redrive_grace: timedelta = timedelta(minutes=1)
    """How long a job may still be dead after its dead letter was moved to redriven."""


class FailedRuns(Protocol):
    """Temporal's view of dead runs. Lists come in pages and may lag. Each call may raise a `TransientError`."""

    def ended(self, since: datetime | None) -> AsyncIterator[Sequence[ListedRun]]:
        """Runs that failed, timed out or were terminated since then; a later run of the job may be well."""
        ...

    def stuck(self) -> AsyncIterator[Sequence[ListedRun]]:
        """Running ones whose workflow tasks fail."""
        ...

    def untaken(self, before: datetime) -> AsyncIterator[Sequence[ListedRun]]:
        """Running ones that were due before then, whose first task no worker took, on a queue that no worker polls."""
        ...

    async def latest(self, workflow_ids: Collection[str]) -> Mapping[str, ListedRun]:
        """The last run of each of up to a hundred jobs, if Temporal still has one."""
        ...

    async def examine(self, run: ListedRun) -> FailedRun | None:
        """All facts of a dead run; None if it isn't dead, is not the last of its job, or was reset."""
        ...


class SweepCheckpoint(Protocol):
    """How far the sweeps have come. Each call may raise a `TransientError`."""

    async def swept_until(self) -> datetime | None:
        """All runs that ended before are known; None before the first sweep."""
        ...

    async def advance(self, until: datetime) -> None:
        """Store a later moment; an earlier one changes nothing."""
        ...


def settled(
    letter: DeadLetter, latest: ListedRun, *, still: Collection[str], redriven_before: datetime
) -> tuple[Move, str] | None:
    """The move that an unsettled dead letter makes by itself, and the reason; None if it stays.

    `latest` is the last run of its job; `still` has the ids of all runs that are stuck or that no worker takes.
    If the dead letter was moved to redriven before `redriven_before` and its run is still dead, the redrive failed.
    """
    same = latest.run_id == letter.run_id
    lost = letter.state is DeadLetterState.redriven and letter.state_at < redriven_before
    if latest.state is RunState.well:
        return Move.resolve, "The run continued and ended well." if same else "A later run ended well."
    if latest.state is RunState.dead or latest.run_id in still:
        return (Move.release, "The job was not restarted. Redrive it again.") if same and lost else None
    if same:
        # A run that recorded its own failure and is still running is about to fail.
        return None if letter.cause.final else (Move.resolve, "The run continued.")
    return (Move.redrive, "The job runs again.") if letter.state in WAITING else None
