"""`temporal schedule …` works on our schedules, and `jobs schedules …` tells and mends what it did."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import UTC, datetime

from temporalio.client import Client

from starter.schedules import OWNER, Schedule
from starter.scheduling.actual import ActualSchedules
from starter.scheduling.applying import apply
from tests.schedules.chimes import ChimeRequest
from tests.schedules.conftest import MakeCommandLine, MakeTable
from tests.schedules.programs import TemporalProgram

YEARLY = """
ROWS = [
    Schedule("new-year-chime", ChimeRequest(), cron="@yearly", time_zone="Europe/Zurich", note="Rung by hand before."),
    Schedule("weekly-chime", ChimeRequest(bell="small"), cron="0 10 * * SUN"),
]
"""
NEW_YEAR = (
    Schedule("new-year-chime", ChimeRequest(), cron="@yearly", time_zone="Europe/Zurich", note="Rung by hand before."),
    Schedule("weekly-chime", ChimeRequest(bell="small"), cron="0 10 * * SUN"),
)
"""The same."""
WITHOUT_WEEKLY = YEARLY.replace("weekly", "monthly").replace("0 10 * * SUN", "@monthly")
ID = ("--schedule-id", "new-year-chime")


async def test_temporals_own_commands_work_and_what_they_change_is_told_and_mended(
    command_line: MakeCommandLine, temporal: TemporalProgram, client: Client
) -> None:
    jobs = command_line(YEARLY)

    none_yet = await jobs("schedules", "diff")
    applied = await jobs("schedules", "apply")
    described = json.loads(await temporal("schedule", "describe", *ID, "-o", "json"))
    await temporal("schedule", "trigger", *ID)
    span = ("--start-time", "2024-12-01T00:00:00Z", "--end-time", "2026-01-31T00:00:00Z")
    moments = json.loads(await temporal("schedule", "list-matching-times", *ID, *span, "-o", "json"))
    await temporal("schedule", "backfill", *ID, *span, "--overlap-policy", "AllowAll")
    runs = await _runs(client, 3)
    await temporal("schedule", "toggle", "--pause", "--reason", "fireworks instead", *ID)
    still_same = await jobs("schedules", "diff")
    await temporal(
        *("schedule", "update", *ID, "--cron", "0 4 * * *", "--paused", "--notes", "fireworks instead"),
        *("--type", "Chime", "--workflow-id", "chime/new-year-chime", "--task-queue", "chimes"),
    )
    differs = await jobs("schedules", "diff")
    mended = await jobs("schedules", "apply")
    await temporal("schedule", "toggle", "--unpause", "--reason", "no fireworks", *ID)
    await temporal("schedule", "delete", "--schedule-id", "weekly-chime")
    deleted = await jobs("schedules", "diff")
    restored = await jobs("schedules", "apply")
    listed = await temporal("schedule", "list", "--query", "ScheduleOwner='durable-jobs'")

    assert none_yet.status == 1
    assert "new-year-chime is declared, and not in Temporal\n  catch-up window: 1:00:00" in none_yet.out
    assert applied.status == 0
    assert "new-year-chime: created" in applied.out
    assert "weekly-chime: created" in applied.out
    assert described["schedule"]["spec"]["timezoneName"] == "Europe/Zurich"
    assert moments["startTime"] == ["2024-12-31T23:00:00Z", "2025-12-31T23:00:00Z"]
    assert runs[:2] == ["chime/new-year-chime-2024-12-31T23:00:00Z", "chime/new-year-chime-2025-12-31T23:00:00Z"]
    assert still_same.status == 0
    assert "new-year-chime is paused: fireworks instead" in still_same.out
    assert differs.status == 1
    assert "new-year-chime is not as declared" in differs.out
    assert "  due: 0 4 * * * → 0 0 1 1 *" in differs.out
    assert "  time zone: UTC → Europe/Zurich" in differs.out
    assert "schedules apply` makes Temporal have what is declared" in differs.err
    assert "new-year-chime: changed" in mended.out
    assert "  stays paused: fireworks instead" in mended.out
    assert "weekly-chime: as declared already" in mended.out
    assert deleted.status == 1
    assert "weekly-chime is declared, and not in Temporal" in deleted.out
    assert "weekly-chime: created" in restored.out
    assert {"new-year-chime", "weekly-chime"} <= set(re.findall(r"[\w-]+-chime", listed))


async def test_dry_runs_refusals_and_removals_are_told_with_what_to_do(
    command_line: MakeCommandLine, temporal: TemporalProgram
) -> None:
    jobs = command_line(YEARLY)
    await temporal(
        *("schedule", "create", *ID, "--cron", "0 4 * * *"),
        *("--type", "Theirs", "--workflow-id", "theirs", "--task-queue", "theirs"),
    )

    would = await jobs("schedules", "apply", "--dry-run")
    refused = await jobs("schedules", "apply")
    adopted = await jobs("schedules", "apply", "--adopt")
    jobs = command_line(WITHOUT_WEEKLY)
    gone = await jobs("schedules", "apply")
    pruned = await jobs("schedules", "apply", "--prune", "--json")

    assert would.status == 1
    assert "weekly-chime: would be created" in would.out
    assert refused.status == 1
    assert "new-year-chime: there is one of this id that is not ours; --adopt would take it over" in refused.out
    assert "weekly-chime: created" in refused.out
    assert adopted.status == 0
    assert "new-year-chime: adopted\n" in adopted.out
    assert "  due: 0 4 * * * → 0 0 1 1 *" in adopted.out
    assert gone.status == 0
    assert "weekly-chime: declared no more; --prune would remove it" in gone.out
    assert {each["id"]: each["done"] for each in pruned.document}["weekly-chime"] == "removed"
    assert "weekly-chime" not in await temporal("schedule", "list")


async def test_the_next_runs_are_told_in_local_time_and_in_utc(
    command_line: MakeCommandLine, table: MakeTable, there: ActualSchedules
) -> None:
    jobs = command_line(YEARLY)
    missing = await jobs("schedules", "next", "--id", "new-year-chime")
    await apply(table(*NEW_YEAR), there, OWNER)

    found = (await jobs("schedules", "next", "--id", "new-year-chime", "--count", 12, "--json")).document
    shown = await jobs("schedules", "next", "--id", "new-year-chime", "--count", 2)
    unknown = await jobs("schedules", "next", "--id", "noon-chime")

    year = datetime.now(UTC).year
    assert missing.status == 1
    assert "Not in Temporal: new-year-chime. `python -m starter schedules apply` creates them." in missing.err
    assert [each["at"] for each in found] == [f"{year + n}-12-31T23:00:00Z" for n in range(12)]
    assert found[0]["local"] == f"{year + 1}-01-01T00:00:00+01:00"
    assert re.search(
        rf"new-year-chime +\w{{3}} {year + 1}-01-01 00:00:00 CET +Europe/Zurich +{year}-12-31 23:00:00", shown.out
    )
    assert shown.out.count("new-year-chime") == 2
    assert unknown.status == 2
    assert "there is no schedule 'noon-chime'; there are: " in unknown.err


async def test_each_schedule_is_listed_with_how_it_fares(
    command_line: MakeCommandLine,
    temporal: TemporalProgram,
    client: Client,
    table: MakeTable,
    there: ActualSchedules,
) -> None:
    jobs = command_line(YEARLY)
    await apply(table(*NEW_YEAR), there, OWNER)
    await temporal("schedule", "trigger", *ID)
    await _runs(client, 1)
    await temporal("schedule", "toggle", "--pause", "--reason", "fireworks instead", "--schedule-id", "weekly-chime")

    told = {each["id"]: each for each in (await jobs("schedules", "list", "--json")).document}
    shown = await jobs("schedules", "list")

    missing = told["cleanup-sessions"]
    assert (missing["state"], missing["problems"][0]["name"]) == ("missing", "missing")
    ringing, weekly = told["new-year-chime"], told["weekly-chime"]
    assert (ringing["state"], ringing["due"], ringing["time_zone"]) == ("active", "0 0 1 1 *", "Europe/Zurich")
    assert (ringing["runs"], ringing["last_run"]["state"], ringing["problems"]) == (1, "running", [])
    assert ringing["last_run"]["web_ui"].endswith("/history")
    assert (weekly["state"], weekly["note"], weekly["next_run"]) == ("paused", "fireworks instead", None)
    assert shown.status == 0
    assert re.search(r"new-year-chime +0 0 1 1 \* \(Europe/Zurich\) +active +running \d+ s ago", shown.out)
    assert "weekly-chime is paused: fireworks instead" in shown.out


async def test_an_error_is_one_line_that_says_what_to_do(command_line: MakeCommandLine) -> None:
    jobs = command_line(YEARLY)

    away = await jobs("schedules", "diff", TEMPORAL_ADDRESS="127.0.0.1:1")
    nothing_named = await jobs("schedules")

    assert (away.status, away.out) == (1, "")
    assert away.err.startswith("Error: Temporal does not answer at 127.0.0.1:1. Is it running")
    assert away.err.count("\n") == 1
    assert nothing_named.status == 2
    assert "say what to do: diff, apply, list or next" in nothing_named.err


async def test_a_wrong_declaration_or_setting_is_told_by_its_name(command_line: MakeCommandLine) -> None:
    wrong = await command_line('ROWS = [Schedule("noon", ChimeRequest(), cron="0 12 * *")]')("schedules", "diff")
    zone = await command_line(YEARLY)("schedules", "diff", SCHEDULES_TIME_ZONE="Zurich")

    assert wrong.status == 1
    assert (
        "entry point chimes = shop_chimes:ROWS of shop-chimes: ScheduleDeclarationError: schedule 'noon'" in wrong.err
    )
    assert zone.status == 1
    assert "SCHEDULES_TIME_ZONE: Value error, must be the IANA name of a time zone" in zone.err


async def _runs(client: Client, count: int) -> list[str]:
    """Ids of the runs, once there are as many; oldest moment first."""
    there = ActualSchedules(client)
    async with asyncio.timeout(20):
        while (found := await there.find("new-year-chime")) is None or len(found.info.recent_actions) < count:  # noqa: ASYNC110  # another process
            await asyncio.sleep(0.05)
    return sorted(run.start_workflow_result.workflow_id for run in found.info.recent_actions)
