"""A table of schedules contradicts neither itself nor the kinds of job."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.client import ScheduleCalendarSpec, ScheduleOverlapPolicy, ScheduleRange

from domain.order_confirmation import OrderConfirmationRequest
from starter.schedules import Schedule, ScheduleDeclarationError, declared
from tests.schedules.chimes import ChimeRequest
from tests.schedules.conftest import MakeTable

HOURLY = Schedule("hourly-chime", ChimeRequest(), cron="@hourly")


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"id": "Hourly Chime"}, "not of the form cleanup-sessions"),
        ({"cron": None}, "give one of cron, calendar and every"),
        ({"every": timedelta(minutes=5)}, "give one of cron, calendar and every"),
        ({"cron": "61 * * * *"}, "schedule 'hourly-chime': cron '61 .*bad minute"),
        ({"time_zone": "Europe/Zürich"}, "give an IANA name, as Europe/Zurich"),
        ({"time_zone": "Mars/Phobos"}, "give an IANA name"),
        ({"catchup_window": timedelta(seconds=9)}, "at least 10 seconds"),
        ({"cron": None, "every": timedelta(milliseconds=1500)}, "whole seconds"),
        ({"jitter": timedelta(seconds=-1)}, "not below zero"),
        ({"request": ChimeRequest(at=datetime(2026, 11, 24, tzinfo=UTC))}, "gets its moment from Temporal"),
    ],
)
def test_a_schedule_that_cannot_be_meant_is_refused_by_its_id(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(ScheduleDeclarationError, match=says):
        Schedule(**{"id": "hourly-chime", "request": ChimeRequest(), "cron": "@hourly", **wrong})


def test_a_table_refuses_an_id_that_is_there_twice_and_a_kind_that_has_no_row(table: MakeTable) -> None:
    with pytest.raises(ScheduleDeclarationError, match="'hourly-chime': is declared twice"):
        table(HOURLY, HOURLY)
    with pytest.raises(ScheduleDeclarationError, match="no kind 'order-confirmation'; there are: chime"):
        table(Schedule("confirmations", OrderConfirmationRequest(order_id=1042), cron="@hourly"))


def test_a_schedule_has_the_shops_time_zone_unless_it_names_one_or_is_due_in_every_hour(table: MakeTable) -> None:
    rows = table(
        Schedule("daily", ChimeRequest(), cron="0 3 * * *"),
        Schedule("own", ChimeRequest(), cron="@daily", time_zone="America/New_York"),
        Schedule("jobs-own", ChimeRequest(time_zone="Asia/Tokyo"), cron="@daily"),
        Schedule("often", ChimeRequest(), cron="*/5 * * * *"),
        Schedule("by-day", ChimeRequest(), cron="*/5 8-18 * * *"),
        time_zone="Europe/Zurich",
    )

    assert {row.id: (row.zone, row.request.model_dump()["time_zone"]) for row in rows} == {
        "daily": ("Europe/Zurich", "Europe/Zurich"),
        "own": ("America/New_York", "America/New_York"),
        "jobs-own": ("Europe/Zurich", "Asia/Tokyo"),
        "often": ("UTC", "Europe/Zurich"),
        "by-day": ("Europe/Zurich", "Europe/Zurich"),
    }


def test_our_own_table_is_as_the_shop_needs_it() -> None:
    rows = {row.id: (row.when, row.zone) for row in declared(time_zone="Asia/Tokyo")}

    assert {(row.overlap, row.pause_on_failure) for row in declared()} == {(ScheduleOverlapPolicy.SKIP, False)}
    assert rows == {
        "cleanup-sessions": ("0 3 * * *", "Asia/Tokyo"),
        "dead-letter-digest": ("0 8 * * *", "Asia/Tokyo"),
        "dead-letter-sweep": ("*/5 * * * *", "UTC"),
        "monthly-reports": ("0 0 1 * *", "Asia/Tokyo"),
        "payment-reconciliation": ("*/15 * * * *", "UTC"),
        "report-cleanup": ("20 * * * *", "UTC"),
        "scheduled-emails": ("*/5 * * * *", "UTC"),
    }


def test_two_schedules_of_one_kind_do_not_share_the_ids_of_their_runs() -> None:
    noon, midnight = ScheduleCalendarSpec(hour=[ScheduleRange(12)]), ScheduleCalendarSpec()
    other = Schedule("noon-chime", ChimeRequest(), calendar=(noon, midnight))

    assert (HOURLY.workflow_id, other.workflow_id) == ("chime/hourly-chime", "chime/noon-chime")
    assert other.when == "0 12 * * *; 0 0 * * *"
