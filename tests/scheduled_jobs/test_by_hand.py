"""What schedules start, started by a person: with the moment that it is for; and one that failed, run anew."""

from __future__ import annotations

import re
import shlex

import pytest

from domain.monthly_reports import MonthlyReportsRequest
from domain.outcomes import Done
from domain.session_cleanup import SessionCleanupRequest
from starter import JobDidNotComplete
from starter.errors import InvalidStart
from tests.scheduled_jobs.conftest import Serving
from tests.scheduled_jobs.shop import Shop, backfill
from tests.starter.commandline import CommandLine
from workflows.session_cleanup import SessionCleanup


async def test_a_scheduled_job_is_started_by_hand_with_its_moment_and_not_without(
    shop: Shop, serving: Serving, environment: dict[str, str]
) -> None:
    await shop.add_sessions(3, "-1 day")
    jobs = CommandLine(environment)
    async with serving(relay=False):
        without = await jobs("start", "session-cleanup")
        by_hand = await jobs("start", "session-cleanup", "--at", "2026-03-29T03:00:00Z", "--wait", "--json")
        # The day that it is in the shop, as for the schedule.
        at_night = ("start", "session-cleanup", "--at", "2026-03-29T22:00:00Z", "--wait")
        tokyo = CommandLine({**environment, "SCHEDULES_TIME_ZONE": "Asia/Tokyo"})
        await tokyo(*at_night)
        await tokyo(*at_night[:3], "2026-03-31T22:00:00Z", "--wait", "--time-zone", "UTC")
        days = await shop.rows("SELECT period FROM scheduled_periods ORDER BY period")
        # Nor does one that went around the starter hang: Temporal's own command would start it so.
        around = await shop.client.start_workflow(
            SessionCleanup.run, SessionCleanupRequest(), id="session-cleanup/around", task_queue="maintenance"
        )
        with pytest.raises(JobDidNotComplete) as failed:
            await shop.jobs.of(around.id).result()

    assert without.status != 0
    assert "at: say for which moment the job is" in without.err
    assert by_hand.document["id"] == "session-cleanup/2026-03-29T03:00:00Z"
    assert by_hand.document["outcome"]["reference"] == "removed 3"
    assert [day for (day,) in days] == ["2026-03-29", "2026-03-30", "2026-03-31"]
    assert failed.value.error_type == "InvalidRequest"
    assert "give one by --at" in failed.value.message
    with pytest.raises(InvalidStart):
        await shop.jobs.start(SessionCleanupRequest())


async def test_a_run_of_a_schedule_that_failed_tells_the_command_that_does_the_same_period(
    shop: Shop, serving: Serving, environment: dict[str, str]
) -> None:
    await shop.run(
        "INSERT INTO report_subscriptions (report, format, time_zone, member_id) VALUES"
        " ('sales-summary', 'pdf', 'Atlantis/Capital', 1), ('sales-summary', 'pdf', 'Europe/Zurich', 2)"
    )
    monthly = await shop.schedule("monthly", MonthlyReportsRequest(time_zone="Europe/Zurich"), cron="0 2 1 * *")
    async with serving(relay=False):
        await backfill(monthly, "2026-02-27T00:00:00Z", "2026-03-02T00:00:00Z")
        failed = await shop.fails("monthly-reports/monthly-2026-03-01T01:00:00Z")
        asked = await shop.number("SELECT count(*) FROM report_askings")
        await shop.run("UPDATE report_subscriptions SET time_zone = 'Europe/Athens' WHERE member_id = 1")
        (command,) = re.findall(r"Redrive: `python -m starter (.*?)`", failed.message)
        redriven = await CommandLine(environment)(*shlex.split(command), "--yes", "--json")
        outcome = await shop.jobs.of("monthly-reports/monthly-2026-03-01T01:00:00Z").result()

    assert failed.error_type == "SubscriptionsRefused"
    assert "2026-02" in failed.message
    assert asked == 1
    assert redriven.status == 0
    assert outcome == Done(reference="2026-02: asked for 2")
    assert await shop.asked_reports() == [("2026-02", "Europe/Athens", 1), ("2026-02", "Europe/Zurich", 2)]
