"""On a real schedule, each run does the period that it is for: in time, late, by hand, and for the past; and once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from temporalio.client import ScheduleOverlapPolicy

from domain.monthly_reports import MonthlyReportsRequest
from domain.session_cleanup import SessionCleanupRequest
from tests.scheduled_jobs.conftest import Serving
from tests.scheduled_jobs.shop import Shop, backfill, references

DONE = "period-done-already"


async def test_a_backfill_of_the_last_quarter_asks_for_its_months_and_the_same_again_for_nothing(
    shop: Shop, serving: Serving
) -> None:
    await shop.run(
        "INSERT INTO report_subscriptions (report, format, time_zone, member_id) VALUES"
        " ('sales-summary', 'pdf', 'Europe/Zurich', 1), ('sales-summary', 'pdf', 'Europe/Zurich', 2),"
        " ('orders-export', 'csv', 'Asia/Tokyo', 1)"
    )
    monthly = await shop.schedule("monthly-reports", MonthlyReportsRequest(time_zone="Europe/Zurich"), cron="0 2 1 * *")
    # Runs of January to March are for December to February: the old year's last month, and one with 28 days.
    quarter = ("2025-12-31T00:00:00Z", "2026-03-31T00:00:00Z")
    moments = {"2026-01-01T01:00:00Z": "2025-12", "2026-02-01T01:00:00Z": "2026-01", "2026-03-01T01:00:00Z": "2026-02"}
    async with serving(relay=False):
        await backfill(monthly, *quarter)
        first = await shop.runs_of("monthly-reports", 3)
        asked = await shop.asked_reports()
        # One after the other this time, and all of the two quarters: what was done is done.
        await backfill(monthly, quarter[0], "2026-06-30T00:00:00Z", ScheduleOverlapPolicy.BUFFER_ALL)
        second = await shop.runs_of("monthly-reports", 3 + 6)
        await monthly.trigger()
        triggered = await shop.runs_of("monthly-reports", 10)
        again = await shop.asked_reports()

    assert {moment: references(outcomes) for moment, outcomes in first.items()} == {
        moment: [f"{month}: asked for 3"] for moment, month in moments.items()
    }
    assert asked == sorted(
        (month, zone, member)
        for month in moments.values()
        for zone, member in [("Europe/Zurich", 1), ("Europe/Zurich", 2), ("Asia/Tokyo", 1)]
    )
    assert {moment: references(second[moment])[1:] for moment in moments} == {moment: [DONE] for moment in moments}
    # Three months more, an hour earlier by UTC: summer time has begun.
    more = {"2026-04-01T00:00:00Z": "2026-03", "2026-05-01T00:00:00Z": "2026-04", "2026-06-01T00:00:00Z": "2026-05"}
    assert {moment: references(second[moment]) for moment in more} == {
        moment: [f"{month}: asked for 3"] for moment, month in more.items()
    }
    # By hand it is the month before the present one.
    (by_hand,) = triggered.keys() - second.keys()
    now = datetime.fromisoformat(by_hand)
    assert abs(datetime.now(UTC) - now) < timedelta(minutes=5)
    last = (now.replace(day=1) - timedelta(days=1)).strftime("%Y-%m")
    assert references(triggered[by_hand]) == [f"{last}: asked for 3"]
    months = {*moments.values(), *more.values(), last}
    assert len(again) == len(set(again)) == 3 * len(months)


async def test_a_cleanup_is_done_once_a_day_of_its_zone_also_where_clocks_change(shop: Shop, serving: Serving) -> None:
    await shop.add_sessions(10, "-1 day")
    spring, autumn = ("2026-03-27T12:00:00Z", "2026-03-30T12:00:00Z"), ("2026-10-23T12:00:00Z", "2026-10-26T12:00:00Z")
    nightly = await shop.schedule(
        "cleanup-sessions", SessionCleanupRequest(time_zone="Europe/Zurich"), cron="30 0,2,3 * * *"
    )
    async with serving(relay=False):
        # The 29th of March has no 2:30, and of the two of the 25th of October one is meant.
        await backfill(nightly, *spring, ScheduleOverlapPolicy.BUFFER_ALL)
        await shop.runs_of("cleanup-sessions", 8)
        await backfill(nightly, *autumn, ScheduleOverlapPolicy.BUFFER_ALL)
        runs = await shop.runs_of("cleanup-sessions", 8 + 9)

    done = {moment for moment, outcomes in runs.items() if references(outcomes) != [DONE]}
    assert done == {
        *("2026-03-27T23:30:00Z", "2026-03-28T23:30:00Z", "2026-03-29T22:30:00Z"),
        *("2026-10-23T22:30:00Z", "2026-10-24T22:30:00Z", "2026-10-25T23:30:00Z"),
    }
    periods = await shop.rows("SELECT schedule, period FROM scheduled_periods ORDER BY period")
    days = ("2026-03-28", "2026-03-29", "2026-03-30", "2026-10-24", "2026-10-25", "2026-10-26")
    assert periods == [("cleanup-sessions", day) for day in days]
    assert await shop.number("SELECT count(*) FROM sessions") == 0
