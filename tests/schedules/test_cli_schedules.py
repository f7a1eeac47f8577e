"""`temporal schedule …` works on our schedules, and `jobs schedules …` shows what it changed and puts it back."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from tests.schedules.conftest import MakeCommandLine
from tests.schedules.programs import TemporalProgram

ROWS = """
ROWS = [
    Schedule("new-year-chime", ChimeRequest(), cron="@yearly", time_zone="Europe/Zurich", note="Rung by hand before."),
    Schedule("weekly-chime", ChimeRequest(bell="small"), cron="0 10 * * SUN"),
]
"""
WITHOUT_WEEKLY = ROWS.replace("weekly", "monthly").replace("0 10 * * SUN", "@monthly")
ID = ("--schedule-id", "new-year-chime")


async def test_what_temporals_own_commands_change_is_shown_and_put_back(
    command_line: MakeCommandLine, temporal: TemporalProgram
) -> None:
    jobs = command_line(ROWS)
    applied = await jobs("schedules", "apply")
    await temporal("schedule", "trigger", *ID)
    await temporal("schedule", "toggle", "--pause", "--reason", "fireworks instead", *ID)
    still_same = await jobs("schedules", "diff")
    await temporal(
        *("schedule", "update", *ID, "--cron", "0 4 * * *", "--paused", "--notes", "fireworks instead"),
        *("--type", "Chime", "--workflow-id", "chime/new-year-chime", "--task-queue", "chimes"),
    )
    await temporal("schedule", "delete", "--schedule-id", "weekly-chime")
    differs = await jobs("schedules", "diff")
    restored = await jobs("schedules", "apply")
    shown = await jobs("schedules", "list")
    coming = (await jobs("schedules", "next", "--id", "new-year-chime", "--count", 12, "--json")).document
    temporals = await temporal("schedule", "list", "--query", "ScheduleOwner='durable-jobs'")

    assert (applied.status, still_same.status, differs.status, restored.status) == (0, 0, 1, 0)
    assert {"new-year-chime: created", "weekly-chime: created"} <= set(applied.out.splitlines())
    assert "new-year-chime is paused: fireworks instead" in still_same.out
    for line in (
        "new-year-chime is not as declared",
        "  due: 0 4 * * * → 0 0 1 1 *",
        "  timezone name: UTC → Europe/Zurich",
        "weekly-chime is declared, and not in Temporal",
        "  catchup window: 1:00:00",
    ):
        assert line in differs.out.splitlines()
    assert "schedules apply` applies the declared schedules" in differs.err
    for line in ("new-year-chime: changed", "  stays paused: fireworks instead", "weekly-chime: created"):
        assert line in restored.out.splitlines()
    assert re.search(r"new-year-chime +0 0 1 1 \* \(Europe/Zurich\) +paused +(running|none yet)", shown.out)
    assert "new-year-chime is paused: fireworks instead" in shown.out
    year = datetime.now(UTC).year
    assert [each["at"] for each in coming] == [f"{year + n}-12-31T23:00:00Z" for n in range(12)]
    assert coming[0]["local"] == f"{year + 1}-01-01T00:00:00+01:00"
    assert {"new-year-chime", "weekly-chime"} <= set(re.findall(r"[\w-]+-chime", temporals))


@pytest.mark.long
async def test_dry_runs_refusals_and_removals_are_shown_with_what_to_do(
    command_line: MakeCommandLine, temporal: TemporalProgram
) -> None:
    jobs = command_line(ROWS)
    await temporal(
        *("schedule", "create", *ID, "--cron", "0 4 * * *"),
        *("--type", "Theirs", "--workflow-id", "theirs", "--task-queue", "theirs"),
    )

    would = await jobs("schedules", "apply", "--dry-run")
    refused = await jobs("schedules", "apply")
    adopted = await jobs("schedules", "apply", "--adopt")
    missing = await command_line(WITHOUT_WEEKLY)("schedules", "next", "--id", "monthly-chime")
    gone = await jobs("schedules", "apply")
    pruned = await jobs("schedules", "apply", "--prune", "--json")

    assert (would.status, refused.status, adopted.status, gone.status, missing.status) == (1, 1, 0, 0, 1)
    assert "weekly-chime: would be created" in would.out
    assert "new-year-chime: there is one of this id that is not ours; --adopt would take it over" in refused.out
    assert "new-year-chime: adopted\n" in adopted.out
    assert "  due: 0 4 * * * → 0 0 1 1 *" in adopted.out
    assert "Not in Temporal: monthly-chime. `python -m starter schedules apply` creates them." in missing.err
    assert "weekly-chime: no longer declared; --prune would remove it" in gone.out
    assert {each["id"]: each["done"] for each in pruned.document}["weekly-chime"] == "removed"


async def test_a_wrong_declaration_setting_id_or_address_is_named(command_line: MakeCommandLine) -> None:
    wrong = await command_line('ROWS = [Schedule("noon", ChimeRequest(), cron="0 12 * *")]')("schedules", "diff")
    jobs = command_line(ROWS)
    zone = await jobs("schedules", "diff", SCHEDULES_TIME_ZONE="Zurich")
    unknown = await jobs("schedules", "next", "--id", "noon-chime")
    away = await jobs("schedules", "diff", TEMPORAL_ADDRESS="127.0.0.1:1")

    assert (wrong.status, zone.status, unknown.status, away.status) == (1, 1, 2, 1)
    assert "entry point chimes = chimes:ROWS of shop-chimes: ScheduleDeclarationError: schedule 'noon'" in wrong.err
    assert "SCHEDULES_TIME_ZONE: Value error, must be the IANA name of a time zone" in zone.err
    assert "there is no schedule 'noon-chime'; there are: " in unknown.err
    assert away.err.startswith("Error: Temporal does not answer at 127.0.0.1:1")
