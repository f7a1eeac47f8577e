"""When a declared schedule is due, and what is refused."""

from __future__ import annotations

import pytest
from temporalio.client import Client, Schedule, ScheduleActionStartWorkflow, ScheduleSpec

from starter.scheduling.actual import ActualSchedules
from starter.scheduling.calendars import BadTime, Calendar, calendar_text, from_cron
from starter.scheduling.fields import fields

CRONTAB = (
    *("0 3 * * *", "*/5 * * * *", "*/7 * * * *", "0 0 1 * *", "30 2 * * 1-5", "15,45 8-18/2 * * *", "0 12 * * 7"),
    *("5/15 * * * *", "0 0 1,15 JAN-mar *", "0 0 * * MON,Wednesday", "0 0 29 2 *", "0-59/3,7 * * * 0-7"),
    *("@hourly", "@daily", "@weekly", "@monthly", "@yearly", "0 0 */2 * 1"),
)
"""Lines that Temporal itself can read."""


async def test_a_crontab_line_means_what_temporal_itself_takes_it_for(client: Client) -> None:
    there, differing = ActualSchedules(client), {}
    for line in CRONTAB:
        handle = await client.create_schedule(
            line,
            Schedule(
                action=ScheduleActionStartWorkflow("Chime", id="chime", task_queue="chimes"),
                spec=ScheduleSpec(cron_expressions=[line]),
            ),
        )
        found = await there.find(line)
        await handle.delete()
        assert found is not None
        theirs = (await fields(found.schedule, client.data_converter))["due"]
        if theirs != (ours := str(from_cron(line))):
            differing[line] = (theirs, ours)

    assert not differing


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("0 3 * *", "does not have the five fields"),
        ("0 0 3 * * *", "Spring's and node-cron's first one is the second"),
        ("0 3 ? * MON", r"write \* where Spring has \?"),
        ("61 * * * *", "minute '61' is not from 0 to 59"),
        ("0 24 * * *", "hour '24' is not from 0 to 23"),
        ("0 0 31 2 *", "day 31 of month 2 never comes"),
        ("0 0 30 feb *", "never comes"),
        ("0 0 * * 5-1", "matches nothing"),
        ("*/0 * * * *", "matches nothing"),
        ("0 0 * * FUNDAY", "nor a name"),
        ("0 0 L * *", "day of month 'L' is not from 1 to 31"),
        ("0 0 1 * MON", "crontab runs this where either day matches, Temporal where both do"),
        ("@reboot", "does not have the five fields"),
        ("", "does not have the five fields"),
    ],
)
def test_a_line_that_cannot_be_meant_is_refused_with_what_to_write(line: str, says: str) -> None:
    with pytest.raises(BadTime, match=says):
        from_cron(line)


def test_a_calendar_can_have_seconds_years_and_both_days() -> None:
    both = Calendar(second="*/20", minute="30", hour="9", day_of_month="1-7", day_of_week="mon", year="2027")

    assert str(both) == "30 9 1-7 * 1 second */20 year 2027"
    assert calendar_text(both.spec()) == str(both)


def test_calendars_with_the_same_moments_have_the_same_text() -> None:
    assert str(Calendar(minute="0,15,30,45")) == str(Calendar(minute="*/15")) == str(Calendar(minute="0/15"))
    assert str(Calendar(day_of_week="0-6")) == str(Calendar(day_of_week="1-7")) == str(Calendar())


def test_a_calendar_that_never_comes_is_refused_where_it_is_made() -> None:
    with pytest.raises(BadTime, match="never comes"):
        Calendar(day_of_month="31", month="4,6,9,11")
