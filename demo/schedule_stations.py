"""The station of the guided tour about what runs by the clock."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime

from sqlalchemy import func, insert
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import ScheduleBackfill, ScheduleOverlapPolicy, WorkflowExecution

from adapters.db.scheduling_tables import scheduled_emails
from demo.data.shop import TOUR, order
from demo.guide import LIMIT, Guide, mails_of, told
from demo.report_stations import manager, new_mails
from domain.outcomes import Done, Outcome, Skipped
from starter.schedules import OWNER, declared
from starter.scheduling.actual import ActualSchedules
from starter.scheduling.applying import Applied, apply

_MAILS = 5
_SINCE, _UNTIL = datetime(2026, 2, 28, tzinfo=UTC), datetime(2026, 5, 2, tzinfo=UTC)
"""Three firsts of a month lie between."""
_MONTHS = 3
_LOOK_EVERY = 0.2


async def by_the_clock(guide: Guide, engine: AsyncEngine, number: int, commands: str, temporal: str) -> None:
    """Schedules are applied, one is triggered, one is backfilled.

    `commands` is what to write before the name of an installed program, `temporal` how its command line is called.
    """
    reports = (
        "three months of reports for two people"
        if guide.visit.first
        else "months that are done already, so nothing is made twice"
    )
    guide.station(
        number,
        "What runs by the clock",
        f"schedules in place of cron, declared in code; one is triggered by hand, and {_MAILS} mails that are due go "
        f"out; one is backfilled: {reports}.",
    )
    done = await apply(declared(), ActualSchedules(guide.jobs.client), OWNER)
    guide.display.command(f"   {commands}jobs schedules apply")
    guide.expect(
        f"{len(done)} schedules are in Temporal, as declared",
        met=all(each.done in (Applied.created, Applied.unchanged) for each in done),
    )
    await _triggered(guide, engine, temporal)
    await _backfilled(guide, temporal)


async def _triggered(guide: Guide, engine: AsyncEngine, temporal: str) -> None:
    subject = f"Your order has a birthday ({guide.visit.number})"
    buyer = order(TOUR.delivered).customer
    due = {"customer_id": buyer.id, "subject": subject, "text": "A year ago you ordered something. Thank you!"}
    async with engine.begin() as connection:
        await connection.execute(insert(scheduled_emails).values([due | {"due_at": func.now()}] * _MAILS))
    began = datetime.now(UTC)
    guide.display.command(f"   {temporal} schedule trigger --schedule-id scheduled-emails")
    await guide.jobs.client.get_schedule_handle("scheduled-emails").trigger()
    [(run, outcome)] = await _ended(guide, "scheduled-emails", began, 1)
    guide.expect(f"{run.id} {told(outcome)}", met=isinstance(outcome, Done))
    until = time.monotonic() + LIMIT
    mails = await guide.inbox.mails(subject)
    while len(mails) < _MAILS and time.monotonic() < until:
        await asyncio.sleep(_LOOK_EVERY)
        mails = await guide.inbox.mails(subject)
    guide.expect(f"{mails_of(len(mails))} that were due in the inbox", met=len(mails) == _MAILS)
    guide.links(_link(guide, run), mails[:1])


async def _backfilled(guide: Guide, temporal: str) -> None:
    before = {mail.id for mail in await guide.inbox.mails(manager())}
    began = datetime.now(UTC)
    guide.display.command(
        f"   {temporal} schedule backfill --schedule-id monthly-reports --overlap-policy AllowAll "
        f"--start-time {_SINCE:%Y-%m-%dT%H:%M:%SZ} --end-time {_UNTIL:%Y-%m-%dT%H:%M:%SZ}"
    )
    await guide.jobs.client.get_schedule_handle("monthly-reports").backfill(
        ScheduleBackfill(start_at=_SINCE, end_at=_UNTIL, overlap=ScheduleOverlapPolicy.ALLOW_ALL)
    )
    for run, outcome in await _ended(guide, "monthly-reports", began, _MONTHS):
        wanted = Done if guide.visit.first else Skipped
        reference = f": {outcome.reference}" if isinstance(outcome, Done) else ""
        guide.expect(f"{run.id} {told(outcome)}{reference}", met=isinstance(outcome, wanted))
        guide.links(_link(guide, run))
    if guide.visit.first:
        mails = await new_mails(guide, before, _MONTHS)
        guide.expect(f"{mails_of(len(mails))} with a link to {manager()}", met=len(mails) == _MONTHS)
        guide.links(None, mails)


async def _ended(guide: Guide, schedule: str, since: datetime, count: int) -> list[tuple[WorkflowExecution, Outcome]]:
    """Runs of a schedule that were started since then, once so many have ended, and their outcomes."""
    client = guide.jobs.client
    query = f"TemporalScheduledById = '{schedule}' AND StartTime >= '{since.isoformat()}'"
    async with asyncio.timeout(LIMIT):
        while True:
            runs = [run async for run in client.list_workflows(query) if run.close_time]
            if len(runs) >= count:
                break
            await asyncio.sleep(_LOOK_EVERY)
    runs.sort(key=lambda run: run.id)
    return [(run, await guide.jobs.of(run.id).result()) for run in runs]


def _link(guide: Guide, run: WorkflowExecution) -> str:
    return guide.jobs.of(run.id).web_ui
