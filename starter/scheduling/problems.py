"""What is wrong with a schedule, told from what Temporal knows of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from starter.status import JobState

FAILED = frozenset({JobState.failed, JobState.timed_out, JobState.terminated})
"""States of a run that did not do what it should have; who cancels one knows why."""

PATIENCE = 3
"""Runs in a row that may fail, or be skipped because one goes on, before that is a problem. Of a schedule that runs
once a day or less, the first one is."""
RARE = timedelta(hours=12)
"""Between two runs of a schedule that has no patience. Half a day, since some days have 23 hours."""
LATE = timedelta(minutes=2)
"""After its moment a run should be there."""
FORGOTTEN = timedelta(days=1)
"""A pause that has left out runs for longer is likely forgotten."""

_SECOND = timedelta(seconds=1)


class ProblemName(StrEnum):
    """Of a problem, as the metric's label has it."""

    missing = "missing"
    """Declared, and not in Temporal, or somebody else's there."""
    failing = "failing"
    """Its runs fail, one after another."""
    overdue = "overdue"
    """It has not run when it should have, though it is neither paused nor busy."""
    overrunning = "overrunning"
    """A run goes on and on, so that the next ones are skipped."""
    paused = "paused"
    """It has been paused for more than a day, and left out runs."""


class Problem(BaseModel):
    """One thing that is wrong, and what to do."""

    model_config = ConfigDict(frozen=True)

    name: ProblemName
    message: str


class ScheduledRunSeen(BaseModel):
    """A run that a schedule, a trigger or a backfill started. Times are in UTC."""

    model_config = ConfigDict(frozen=True)

    id: str
    due_at: datetime
    """The moment that it is for."""
    started_at: datetime
    ended_at: datetime | None = None
    """Of one whose end is known."""
    state: JobState | None = None
    """None where Temporal keeps the run no more."""
    error_type: str | None = None
    web_ui: str = ""


class ScheduleFacts(BaseModel):
    """What the problems are told from."""

    model_config = ConfigDict(frozen=True)

    id: str
    paused: bool
    note: str
    pause_on_failure: bool
    catchup_window: timedelta
    runs: tuple[ScheduledRunSeen, ...]
    """The last ones, oldest first."""
    next_runs: tuple[datetime, ...]
    left_out: tuple[datetime, ...]
    """Moments since the last run at which it was due, and did not run; a thousand at most."""

    @property
    def last(self) -> ScheduledRunSeen | None:
        """The run that began last."""
        return self.runs[-1] if self.runs else None

    @property
    def busy(self) -> bool:
        """Whether the last run is at work."""
        return self.last is not None and self.last.state is JobState.running

    def late(self, now: datetime) -> list[datetime]:
        """Moments at which it should have run and did not, unless the run before was at work until after them."""
        left_out = [moment for moment in self.left_out if moment < now - LATE]
        ended = self.last.ended_at if self.last else None
        return [] if left_out and ended is not None and ended > left_out[-1] else left_out

    @property
    def patience(self) -> int:
        """How many runs may go wrong in a row, less one."""
        rare = len(self.next_runs) > 1 and self.next_runs[1] - self.next_runs[0] >= RARE
        return 1 if rare or len(self.next_runs) == 1 else PATIENCE


def problems(facts: ScheduleFacts, now: datetime) -> list[Problem]:
    """All that is wrong with a schedule that is there."""
    return [each for each in (_failing(facts), _not_running(facts, now)) if each is not None]


def _failing(facts: ScheduleFacts) -> Problem | None:
    ended = [run for run in facts.runs if run.state not in (None, JobState.running)]
    row: list[ScheduledRunSeen] = []
    for run in reversed(ended):
        if run.state not in FAILED:
            break
        row.append(run)
    stopped = facts.paused and facts.pause_on_failure
    if len(row) < (1 if stopped else facts.patience):
        return None
    error = f" ({row[0].error_type})" if row[0].error_type else ""
    runs = "Its last run" if len(row) == 1 else f"Its last {len(row)} runs"
    what = f"{runs} failed{error}: see `jobs status {row[0].id}`."
    if stopped:
        what += f" It is paused until `temporal schedule toggle --unpause --schedule-id {facts.id}`."
    return Problem(name=ProblemName.failing, message=what)


def _not_running(facts: ScheduleFacts, now: datetime) -> Problem | None:
    late = facts.late(now)
    if not late:
        return None
    times = counted(late)
    if facts.paused:
        if late[0] > now - FORGOTTEN:
            return None
        why = f" ({facts.note})" if facts.note else ""
        return Problem(
            name=ProblemName.paused,
            message=f"It is paused{why} and has left out {times} since {late[0]:%Y-%m-%d %H:%M} UTC. Unpause it: "
            f"`temporal schedule toggle --unpause --schedule-id {facts.id}`",
        )
    last = facts.last
    if facts.busy and last is not None:
        if len(late) < facts.patience:
            return None
        return Problem(
            name=ProblemName.overrunning,
            message=f"Its run of {last.due_at:%Y-%m-%d %H:%M} UTC goes on; {times} skipped meanwhile. Does a worker "
            f"serve its queue, is its kind paused? See `jobs status {last.id}`",
        )
    span = f"--start-time {_written(late[-1] - _SECOND)} --end-time {_written(late[-1] + _SECOND)}"
    return Problem(
        name=ProblemName.overdue,
        message=f"It has not run for {late[-1]:%Y-%m-%d %H:%M} UTC ({times} left out): Temporal was away for longer "
        f"than its catch-up window of {facts.catchup_window}, or it was paused then. Make up for it: "
        f"`temporal schedule backfill --schedule-id {facts.id} {span}`",
    )


def _written(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def counted(moments: Sequence[datetime]) -> str:
    """`1 run`, `3 runs`; Temporal tells a thousand at most."""
    if len(moments) >= 1000:
        return "1000 runs or more"
    return f"{len(moments)} run{'' if len(moments) == 1 else 's'}"
