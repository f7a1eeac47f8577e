"""How the schedules fare: their last and next runs, what was skipped, and what is wrong."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict
from temporalio.api.schedule.v1 import ScheduleActionResult, ScheduleInfo
from temporalio.client import WorkflowExecutionStatus

from starter.connection import RPC_TIMEOUT, explained, web_ui_base
from starter.scheduling.actual import ActualSchedules, Found
from starter.scheduling.declared import ScheduleTable
from starter.scheduling.fields import due
from starter.scheduling.problems import Problem, ProblemName, ScheduledRunSeen, ScheduleFacts, problems
from starter.status import JobState, JobSummary

_AT_ONCE = 10
_RUNS = 30
"""That visibility is asked for: the ten that a schedule remembers, with what was redriven of them."""
_VISIBLE_WITHIN = timedelta(minutes=1)
"""After its start visibility has a run."""


class ScheduleState(StrEnum):
    """Of a schedule."""

    active = "active"
    paused = "paused"
    missing = "missing"
    """Declared, and not in Temporal."""
    foreign = "foreign"
    """Its id is taken by a schedule that is not ours."""


class ScheduleStatus(BaseModel):
    """How one schedule fares. Times are in UTC."""

    model_config = ConfigDict(frozen=True)

    id: str
    state: ScheduleState
    declared: bool
    """False for one that left the table and is still in Temporal."""
    due: str | None
    """As Temporal has it; as declared, of one that is not there."""
    time_zone: str | None
    note: str = ""
    """Of the last who paused or unpaused it; before that, its own."""
    last_run: ScheduledRunSeen | None = None
    next_run: datetime | None = None
    """None where it is paused."""
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


async def look(table: ScheduleTable, there: ActualSchedules, owner: str) -> list[ScheduleStatus]:
    """All of the table, and those of ours that left it, by id. Raises as `ActualSchedules` does."""
    at_once = asyncio.Semaphore(_AT_ONCE)
    ids = sorted({*table.ids, *await there.owned(owner)})

    async def one(schedule_id: str) -> ScheduleStatus | None:
        async with at_once:
            return await _look_at(schedule_id, table, there, owner)

    return [each for each in await asyncio.gather(*map(one, ids)) if each is not None]


async def _look_at(schedule_id: str, table: ScheduleTable, there: ActualSchedules, owner: str) -> ScheduleStatus | None:
    row = table.get(schedule_id) if schedule_id in table.ids else None
    found = await there.find(schedule_id)
    about = {
        "id": schedule_id,
        "declared": row is not None,
        "due": row.when if row else None,
        "time_zone": row.zone if row else None,
    }
    if found is None or found.owner != owner:
        if row is None:
            return None  # it was deleted, or given to somebody else, since it was listed
        gone = found is None
        what = (
            "It is not in Temporal: `jobs schedules apply`"
            if gone
            else "A schedule that is not ours has its id in Temporal: rename one, or `jobs schedules apply --adopt`"
        )
        return ScheduleStatus.model_validate(
            {
                **about,
                "state": ScheduleState.missing if gone else ScheduleState.foreign,
                "problems": (Problem(name=ProblemName.missing, message=what),),
            }
        )
    now = datetime.now(UTC)
    facts = await facts_of(schedule_id, found, there, now)
    late = facts.late(now)
    return ScheduleStatus.model_validate(
        {
            **about,
            "due": due(found.schedule.spec),
            "time_zone": found.schedule.spec.timezone_name or "UTC",
            "state": ScheduleState.paused if facts.paused else ScheduleState.active,
            "note": facts.note,
            "last_run": facts.last,
            "next_run": facts.next_runs[0] if facts.next_runs and not facts.paused else None,
            "left_out": len(late),
            "left_out_since": late[0] if late else None,
            "runs": found.info.action_count,
            "skipped": found.info.overlap_skipped,
            "missed": found.info.missed_catchup_window,
            "made_at": found.info.create_time.ToDatetime(tzinfo=UTC),
            "problems": tuple(problems(facts, now)),
        }
    )


async def facts_of(schedule_id: str, found: Found, there: ActualSchedules, now: datetime) -> ScheduleFacts:
    """What its problems are told from. Raises as `ActualSchedules` does."""
    info, policies = found.info, found.schedule.policies
    runs = await _runs(schedule_id, info, there, now)
    # What it was like before its last change is not known any more.
    since = max(
        [
            info.create_time.ToDatetime(tzinfo=UTC),
            info.update_time.ToDatetime(tzinfo=UTC),
            *(run.due_at for run in runs),
        ]
    )
    left_out = tuple(await there.due(schedule_id, since, now)) if since < now else ()
    # No change, and yet it was not to run before. Asked for where it matters: else it costs a call for each schedule.
    if left_out and not found.paused and (unpaused := await there.unpaused_at(schedule_id)) is not None:
        left_out = tuple(moment for moment in left_out if moment > unpaused)
    return ScheduleFacts(
        id=schedule_id,
        paused=found.paused,
        note=found.note,
        pause_on_failure=policies.pause_on_failure,
        catchup_window=policies.catchup_window.ToTimedelta(),
        runs=runs,
        next_runs=tuple(moment for each in info.future_action_times if (moment := each.ToDatetime(tzinfo=UTC)) > now),
        left_out=left_out,
    )


async def _runs(
    schedule_id: str, info: ScheduleInfo, there: ActualSchedules, now: datetime
) -> tuple[ScheduledRunSeen, ...]:
    """The last ten, oldest first. Of one that was redriven, the latest run counts."""
    latest: dict[str, JobSummary] = {}
    async with explained(there.client):
        query = f"TemporalScheduledById = '{schedule_id}'"
        async for run in there.client.list_workflows(query, limit=_RUNS, rpc_timeout=RPC_TIMEOUT):
            seen = JobSummary.of(run, _link(there, run.id, run.run_id))
            if run.id not in latest or latest[run.id].started_at < seen.started_at:
                latest[run.id] = seen
    return tuple(_run(each, latest.get(each.start_workflow_result.workflow_id), now) for each in info.recent_actions)


def _run(action: ScheduleActionResult, seen: JobSummary | None, now: datetime) -> ScheduledRunSeen:
    started = action.start_workflow_result
    started_at = action.actual_time.ToDatetime(tzinfo=UTC)
    state: JobState | None
    if seen is not None:
        state = seen.state
    else:
        # Visibility does not have it yet, or no more. Of the latter, the schedule knows the end where it looked again.
        told = WorkflowExecutionStatus(action.start_workflow_status or WorkflowExecutionStatus.RUNNING)
        unknown = told is WorkflowExecutionStatus.RUNNING and started_at < now - _VISIBLE_WITHIN
        state = None if unknown else JobState.of(told)
    return ScheduledRunSeen(
        id=started.workflow_id,
        due_at=action.schedule_time.ToDatetime(tzinfo=UTC),
        started_at=started_at,
        ended_at=seen.closed_at if seen else None,
        state=state,
        error_type=seen.error_type if seen else None,
        web_ui=seen.web_ui if seen else "",
    )


def _link(there: ActualSchedules, job_id: str, run_id: str) -> str:
    return f"{web_ui_base()}/namespaces/{there.client.namespace}/workflows/{quote(job_id, safe='')}/{run_id}/history"
