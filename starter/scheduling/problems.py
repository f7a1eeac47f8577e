"""What is wrong with a schedule, judged by what Temporal knows of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import takewhile

from domain.values import Value
from starter.status import JobState

_FAILED = (JobState.failed, JobState.timed_out, JobState.terminated)
"""States of a run that did not do what it should have; an operator cancels on purpose."""
_PATIENCE = 3
"""Runs in a row that may fail, or be skipped because one goes on, before that is a problem. For a schedule that runs
twice a day or less, the first one is."""
_RARE = timedelta(hours=12)
"""Between two runs of a schedule that has no patience. Half a day, since some days have 23 hours."""
_LATE = timedelta(minutes=2)
"""After its moment a run should be there."""
_FORGOTTEN = timedelta(days=1)
"""A pause that has left out runs for longer is likely forgotten."""
MAX_MOMENTS = 1000
"""Temporal lists no more of them at a time."""


class ProblemName(StrEnum):
    """Of a problem, as the metric's label has it."""

    missing = "missing"
    """Declared, and not in Temporal, or the id belongs to another owner's there."""
    failing = "failing"
    """Its runs fail, one after another."""
    overdue = "overdue"
    """It has not run when it should have, though it is neither paused nor busy."""
    overrunning = "overrunning"
    """A run goes on and on, so that the next ones are skipped."""
    paused = "paused"
    """It has been paused for more than a day, and left out runs."""


class Problem(Value):
    """One thing that is wrong, and what to do."""

    name: ProblemName
    message: str


class ScheduledRunSeen(Value):
    """A run that a schedule, a trigger or a backfill started. Times are in UTC."""

    id: str
    due_at: datetime
    """The moment that it is for."""
    started_at: datetime
    ended_at: datetime | None = None
    """Of one whose end is known."""
    state: JobState | None = None
    """None once Temporal no longer keeps the run."""
    error_type: str | None = None
    web_ui: str = ""


@dataclass(frozen=True)
class ScheduleFacts:
    """What the problems are judged by."""

    id: str
    paused: bool
    note: str
    pause_on_failure: bool
    catchup_window: timedelta | None
    runs: tuple[ScheduledRunSeen, ...]
    """The last ones, oldest first."""
    next_runs: tuple[datetime, ...]
    left_out: tuple[datetime, ...]
    """Moments since the last run at which it was due, and did not run; `MAX_MOMENTS` at most."""

    @property
    def last(self) -> ScheduledRunSeen | None:
        """The run that began last."""
        return self.runs[-1] if self.runs else None

    def late(self, now: datetime) -> list[datetime]:
        """Return the moments at which it should have run and did not, unless the run before went on until after."""
        left_out = [moment for moment in self.left_out if moment < now - _LATE]
        ended = self.last.ended_at if self.last else None
        return [] if left_out and ended is not None and ended > left_out[-1] else left_out

    @property
    def patience(self) -> int:
        """How many runs in a row make a problem."""
        rare = len(self.next_runs) > 1 and self.next_runs[1] - self.next_runs[0] >= _RARE
        return 1 if rare or len(self.next_runs) == 1 else _PATIENCE


def problems(facts: ScheduleFacts, now: datetime) -> list[Problem]:
    """Return everything that is wrong with a schedule that exists."""
    return [each for each in (_failing(facts), _not_running(facts, now)) if each is not None]


def _failing(facts: ScheduleFacts) -> Problem | None:
    ended = [run for run in reversed(facts.runs) if run.state not in (None, JobState.running)]
    failed = list(takewhile(lambda run: run.state in _FAILED, ended))
    stopped = facts.paused and facts.pause_on_failure
    if len(failed) < (1 if stopped else facts.patience):
        return None
    error = f" ({failed[0].error_type})" if failed[0].error_type else ""
    runs = "Its last run" if len(failed) == 1 else f"Its last {len(failed)} runs"
    message = f"{runs} failed{error}: see `jobs status {failed[0].id}`."
    if stopped:
        message += f" It is paused until `{_unpause(facts)}`."
    return Problem(name=ProblemName.failing, message=message)


def _not_running(facts: ScheduleFacts, now: datetime) -> Problem | None:
    late, last = facts.late(now), facts.last
    if not late:
        return None
    several = "1000 runs or more" if len(late) >= MAX_MOMENTS else f"{len(late)} run{'' if len(late) == 1 else 's'}"
    if facts.paused:
        if late[0] > now - _FORGOTTEN:
            return None
        why = f" ({facts.note})" if facts.note else ""
        return Problem(
            name=ProblemName.paused,
            message=f"It is paused{why} and has left out {several} since {late[0]:%Y-%m-%d %H:%M} UTC. Unpause it: "
            f"`{_unpause(facts)}`",
        )
    if last is not None and last.state is JobState.running:
        if len(late) < facts.patience:
            return None
        return Problem(
            name=ProblemName.overrunning,
            message=f"Its run of {last.due_at:%Y-%m-%d %H:%M} UTC goes on; {several} skipped meanwhile. Does a worker "
            f"serve its queue, is its kind paused? See `jobs status {last.id}`",
        )
    first, end = (late[-1] + timedelta(seconds=off) for off in (-1, 1))
    return Problem(
        name=ProblemName.overdue,
        message=f"It has not run for {late[-1]:%Y-%m-%d %H:%M} UTC ({several} left out): Temporal was away for longer "
        f"than its catch-up window of {facts.catchup_window}, or it was paused then. Make up for it: "
        f"`temporal schedule backfill --schedule-id {facts.id} "
        f"--start-time {first:%Y-%m-%dT%H:%M:%SZ} --end-time {end:%Y-%m-%dT%H:%M:%SZ}`",
    )


def _unpause(facts: ScheduleFacts) -> str:
    return f"temporal schedule toggle --unpause --schedule-id {facts.id}"
