"""The request that sweeps for dead runs, what Temporal tells of them, and what becomes of letters by that."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from pydantic import BaseModel, ConfigDict

from domain.dead_letters import WAITING, DeadRun, DeathCause, Letter, LetterState
from domain.scheduling import ScheduledRequest


class DeadLetterSweepRequest(ScheduledRequest):
    """Find dead runs that left no letter, and settle the letters of jobs that are well again."""

    kind = "dead-letter-sweep"


class Swept(BaseModel):
    """What a sweep has done."""

    model_config = ConfigDict(frozen=True)

    recorded: int = 0
    """Letters that are new, or open again."""
    resolved: int = 0
    moved: int = 0
    """To another state."""


class RunState(StrEnum):
    """How a run is, as far as lists tell."""

    running = "running"
    well = "well"
    """Completed, cancelled or continued as another."""
    dead = "dead"
    """Failed, timed out or terminated."""


@dataclass(frozen=True)
class SeenRun:
    """A run in a list of runs."""

    workflow_id: str
    run_id: str
    state: RunState
    cause: DeathCause | None = None
    """How it seems to have died."""


@dataclass(frozen=True)
class SweepTimes:
    """What a sweep waits for."""

    no_worker_after: timedelta = timedelta(minutes=15)
    """How long a run's first task may wait where no worker asks for tasks of its queue."""
    overlap: timedelta = timedelta(minutes=10)
    """How far a sweep looks back behind the last one: clocks differ, and lists come late."""
    redrive_grace: timedelta = timedelta(minutes=5)
    """How long after a letter was moved to redriven its job may still be dead."""


class DeadRuns(Protocol):
    """What Temporal tells of runs that are dead. Lists come in pages, and may be late or behind.

    Each call may raise a `TransientError`.
    """

    def ended(self, since: datetime | None) -> AsyncIterator[Sequence[SeenRun]]:
        """Runs that failed, timed out or were terminated since then; of some, a later run may be well."""
        ...

    def stuck(self) -> AsyncIterator[Sequence[SeenRun]]:
        """Running ones whose workflow tasks fail."""
        ...

    def untaken(self, before: datetime) -> AsyncIterator[Sequence[SeenRun]]:
        """Running ones that were to begin before then, whose first task nobody took, and no worker asks for."""
        ...

    async def latest(self, workflow_ids: Collection[str]) -> Mapping[str, SeenRun]:
        """The last run of each of up to a hundred jobs, as far as Temporal still has one."""
        ...

    async def look(self, run: SeenRun) -> DeadRun | None:
        """All that is known of a dead run; None where it isn't dead, or not the last of its job, or was reset."""
        ...


class SweepMark(Protocol):
    """How far was swept. Each call may raise a `TransientError`."""

    async def swept_until(self) -> datetime | None:
        """All runs that ended before are known; None where nothing was swept yet."""
        ...

    async def swept(self, until: datetime) -> None:
        """Keep that; an earlier moment than the one that is kept changes nothing."""
        ...


def settled(
    letter: Letter, latest: SeenRun, *, still: Collection[str], redriven_before: datetime
) -> tuple[LetterState, str] | None:
    """To which state a letter that isn't settled moves by itself, and why; None where it stays.

    `latest` is the last run of its job; `still`: ids of all runs that are stuck, or that nobody takes.
    `redriven_before`: a letter that was moved to redriven before then, and whose run is still dead, was not redriven.
    """
    same = latest.run_id == letter.run.run_id
    lost = letter.state is LetterState.redriven and letter.state_at < redriven_before
    dead = latest.state is RunState.dead or latest.run_id in still
    if latest.state is RunState.well:
        return LetterState.resolved, "The run came on and ended well." if same else "A later run ended well."
    if dead:
        return (LetterState.open, "The job was not restarted. Redrive it again.") if same and lost else None
    if same:
        # One that has recorded its own failure, and runs still, is about to fail.
        return None if letter.run.cause.final else (LetterState.resolved, "The run came on.")
    return (LetterState.redriven, "The job runs again.") if letter.state in WAITING else None
