"""How the schedules fare: their last and next runs, what was skipped, and what is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from urllib.parse import quote
from zoneinfo import ZoneInfo

from temporalio.client import ScheduleActionExecutionStartWorkflow, ScheduleActionResult, ScheduleDescription

from domain.requests import kind_name
from domain.values import Value
from starter.connection import RPC_TIMEOUT, explained, web_ui_base
from starter.scheduling.actual import ActualSchedules, owner_of
from starter.scheduling.calendars import due
from starter.scheduling.declared import ScheduleTable
from starter.scheduling.problems import Problem, ProblemName, ScheduledRunSeen, ScheduleFacts, problems
from starter.status import JobState, JobSummary

_RUNS = 30
"""That visibility is asked for: the ten that a schedule remembers, with what was redriven of them."""
_VISIBLE_WITHIN = timedelta(minutes=1)
"""After its start visibility has a run."""
_SPANS = tuple(timedelta(days=days) for days in (1, 10, 100, 1000, 10_000))
"""In which next runs are searched, until one holds enough."""


class ScheduleState(StrEnum):
    """Of a schedule."""

    active = "active"
    paused = "paused"
    missing = "missing"
    """Declared, and not in Temporal."""
    foreign = "foreign"
    """Its id is taken by a schedule that is not ours."""


class ScheduleStatus(Value):
    """How one schedule fares. Times are in UTC."""

    id: str
    state: ScheduleState
    declared: bool
    """False for one that left the table and is still in Temporal."""
    due: str | None
    """As Temporal has it; as declared, of one that is not there."""
    time_zone: str | None
    note: str = ""
    """The reason of the last pause or unpause; before that, its own."""
    last_run: ScheduledRunSeen | None = None
    next_run: datetime | None = None
    """None while it is paused."""
    left_out: int = 0
    """Moments since the last run at which it was due and did not run; 1000 stands for more too."""
    left_out_since: datetime | None = None
    runs: int = 0
    """All since it was created."""
    skipped: int = 0
    """Because a run was still at work."""
    missed: int = 0
    """Because Temporal was away for longer than the catch-up window."""
    made_at: datetime | None = None
    problems: tuple[Problem, ...] = ()


class ComingRun(Value):
    """A run that is to be."""

    id: str
    """Of the schedule."""
    at: datetime
    """In UTC."""
    local: datetime
    """The same moment in the schedule's time zone."""
    time_zone: str
    paused: bool
    """It will not run then unless the schedule is unpaused before."""


async def look(table: ScheduleTable, there: ActualSchedules, owner: str) -> list[ScheduleStatus]:
    """Return how each of the table fares, and those of ours that left it, by id. Raises as `ActualSchedules` does."""

    async def one(schedule_id: str, found: ScheduleDescription | None) -> ScheduleStatus | None:
        if found is None or owner_of(found) != owner:
            return _missing(schedule_id, table, found)
        return await _status(found, there, declared=schedule_id in table.ids)

    return await there.for_each(table.ids, owner, one)


async def next_runs(there: ActualSchedules, schedule_id: str, count: int) -> list[ComingRun] | None:
    """Return the next runs of a schedule; None if Temporal has no such schedule. Raises as `ActualSchedules` does."""
    found = await there.find(schedule_id)
    if found is None:
        return None
    now = datetime.now(UTC)
    moments: list[datetime] = []
    for span in _SPANS:
        moments = await there.due(schedule_id, now, now + span)
        if len(moments) >= count:
            break
    zone, paused = found.schedule.spec.time_zone_name or "UTC", found.schedule.state.paused
    return [
        ComingRun(id=schedule_id, at=at, local=at.astimezone(ZoneInfo(zone)), time_zone=zone, paused=paused)
        for at in moments[:count]
    ]


def _missing(schedule_id: str, table: ScheduleTable, found: ScheduleDescription | None) -> ScheduleStatus | None:
    row = table.get(schedule_id)
    if row is None:
        return None  # it was deleted, or given to another owner, since it was listed
    state, message = (
        (ScheduleState.missing, "It is not in Temporal: `jobs schedules apply`")
        if found is None
        else (
            ScheduleState.foreign,
            "A schedule that is not ours has its id in Temporal: rename one, or `jobs schedules apply --adopt`",
        )
    )
    problem = Problem(name=ProblemName.missing, message=message)
    return ScheduleStatus(id=row.id, state=state, declared=True, due=row.when, time_zone=row.zone, problems=(problem,))


async def _status(found: ScheduleDescription, there: ActualSchedules, *, declared: bool) -> ScheduleStatus:
    now = datetime.now(UTC)
    facts = await facts_of(found, there, now)
    late = facts.late(now)
    return ScheduleStatus(
        id=found.id,
        state=ScheduleState.paused if facts.paused else ScheduleState.active,
        declared=declared,
        due=due(found.raw_description.schedule.spec),
        time_zone=found.schedule.spec.time_zone_name or "UTC",
        note=facts.note,
        last_run=facts.last,
        next_run=facts.next_runs[0] if facts.next_runs and not facts.paused else None,
        left_out=len(late),
        left_out_since=late[0] if late else None,
        runs=found.info.num_actions,
        skipped=found.info.num_actions_skipped_overlap,
        missed=found.info.num_actions_missed_catchup_window,
        made_at=found.info.created_at,
        problems=tuple(problems(facts, now)),
    )


async def facts_of(found: ScheduleDescription, there: ActualSchedules, now: datetime) -> ScheduleFacts:
    """Return what its problems are judged by. Raises as `ActualSchedules` does."""
    info, state, policy = found.info, found.schedule.state, found.schedule.policy
    runs = await _runs(found, there, now)
    # What it was like before its last change is no longer known.
    since = max([info.created_at, info.last_updated_at or info.created_at, *(run.due_at for run in runs)])
    left_out = await there.due(found.id, since, now) if since < now else []
    # An unpause is no change. It is asked for only if it matters: else it costs a call for each schedule.
    if left_out and not state.paused and (unpaused := await there.unpaused_at(found.id)) is not None:
        left_out = [moment for moment in left_out if moment > unpaused]
    return ScheduleFacts(
        id=found.id,
        paused=state.paused,
        note=state.note or "",
        pause_on_failure=policy.pause_on_failure,
        catchup_window=policy.catchup_window,
        runs=runs,
        next_runs=tuple(moment for moment in info.next_action_times if moment > now),
        left_out=tuple(left_out),
    )


async def _runs(found: ScheduleDescription, there: ActualSchedules, now: datetime) -> tuple[ScheduledRunSeen, ...]:
    """Return the last ten, oldest first. Of a redriven one, the latest run counts."""
    latest: dict[str, JobSummary] = {}
    base = f"{web_ui_base()}/namespaces/{there.client.namespace}/workflows"
    async with explained(there.client):
        query = f"TemporalScheduledById = '{found.id}'"
        async for run in there.client.list_workflows(query, limit=_RUNS, rpc_timeout=RPC_TIMEOUT):
            kind = kind_name(run.workflow_type)
            seen = JobSummary.of(run, kind, f"{base}/{quote(run.id, safe='')}/{run.run_id}/history")
            if run.id not in latest or latest[run.id].started_at < seen.started_at:
                latest[run.id] = seen
    return tuple(_run(each, latest, now) for each in found.info.recent_actions)


def _run(result: ScheduleActionResult, latest: Mapping[str, JobSummary], now: datetime) -> ScheduledRunSeen:
    assert isinstance(result.action, ScheduleActionExecutionStartWorkflow)  # noqa: S101  # Temporal has no other action
    seen = latest.get(result.action.workflow_id)
    # Visibility does not have a new run yet, and an old one no more.
    unseen = JobState.running if result.started_at >= now - _VISIBLE_WITHIN else None
    return ScheduledRunSeen(
        id=result.action.workflow_id,
        due_at=result.scheduled_at,
        started_at=result.started_at,
        ended_at=seen.closed_at if seen else None,
        state=seen.state if seen else unseen,
        error_type=seen.error_type if seen else None,
        web_ui=seen.web_ui if seen else "",
    )
