"""When a declared schedule is due, and what is refused."""

from __future__ import annotations

import pytest
from temporalio.client import Client, Schedule, ScheduleActionStartWorkflow, ScheduleCalendarSpec, ScheduleSpec
from temporalio.client import ScheduleRange as Range

from starter.scheduling.calendars import BadCronLine, calendar_text, cron_calendars

CRONTAB = (
    *("0 3 * * *", "*/5 * * * *", "*/7 * * * *", "0 0 1 * *", "30 2 * * 1-5", "15,45 8-18/2 * * *", "0 12 * * 7"),
    *("5/15 * * * *", "0 0 1,15 JAN-mar *", "0 0 * * MON,Wed", "0 0 29 2 *", "0-59/3,7 * * * 0-7"),
    *("@hourly", "@daily", "@weekly", "@monthly", "@yearly", "0 0 */2 * 1"),
)
"""Lines that Temporal itself can read."""


async def test_a_crontab_line_means_what_temporal_itself_takes_it_for(client: Client) -> None:
    handle = await client.create_schedule(
        "crontab",
        Schedule(
            action=ScheduleActionStartWorkflow("Chime", id="chime", task_queue="chimes"),
            spec=ScheduleSpec(cron_expressions=CRONTAB),
        ),
    )
    theirs = (await handle.describe()).schedule.spec.calendars
    await handle.delete()

    ours = {line: calendar_text(calendar) for line in CRONTAB for calendar in cron_calendars(line)}
    assert ours == dict(zip(CRONTAB, map(calendar_text, theirs), strict=True))


def test_a_line_that_names_both_days_is_due_on_either_as_in_a_crontab() -> None:
    assert [calendar_text(each) for each in cron_calendars("0 0 1 * MON")] == ["0 0 1 * *", "0 0 * * 1"]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("0 3 * *", "does not have the five fields"),
        ("0 0 3 * * *", "leave out the second that Spring and node-cron begin with"),
        ("0 3 ? * MON", "bad day-of-month"),
        ("61 * * * *", "bad minute"),
        ("0 24 * * *", "bad hour"),
        ("0 0 31 2 *", "bad day-of-month"),
        ("0 0 * * 5-1", "bad day-of-week"),
        ("*/0 * * * *", "bad minute"),
        ("0 0 L * *", "no L in the day-of-month"),
        ("0 0 * * MON#1", "neither L nor # in the day-of-week"),
        ("@reboot", "does not have the five fields"),
    ],
)
def test_a_line_that_cannot_be_meant_is_refused_by_the_field_that_is_wrong(line: str, says: str) -> None:
    with pytest.raises(BadCronLine, match=says):
        cron_calendars(line)


def test_calendars_with_the_same_moments_have_the_same_text_and_seconds_and_years_are_shown() -> None:
    each = ScheduleCalendarSpec(minute=[Range(n) for n in (0, 15, 30, 45)], day_of_week=[Range(0, 3), Range(4, 6)])
    both = ScheduleCalendarSpec(
        second=[Range(0, 59, 20)],
        hour=[Range(9)],
        day_of_month=[Range(1, 7)],
        day_of_week=[Range(1)],
        year=[Range(2027)],
    )

    assert calendar_text(each) == calendar_text(ScheduleCalendarSpec(minute=[Range(0, 59, 15)])) == "*/15 0 * * *"
    assert calendar_text(both) == "0 9 1-7 * 1 second */20 year 2027"
