"""What docs/schedules.md says of our schedules, and its commands and code."""

from __future__ import annotations

import re
import sys
import tomllib

import pytest

from starter.schedules import ENTRY_POINTS, SCHEDULES, Schedule, ScheduleTable, declared
from starter.scheduling.problems import ProblemName
from tests.docs.house import ROOT, failures
from tests.docs.pages import blocks, commands
from tests.docs.test_pages import rows
from workflows.registry import registry

pytestmark = pytest.mark.long

PAGE = ROOT / "docs" / "schedules.md"
TABLE = re.compile(r"(?<=<!-- schedules -->\n).*?(?=<!-- /schedules -->)", re.DOTALL)
BLOCKS = blocks(PAGE)


def table() -> str:
    zone = "Asia/Tokyo"  # none of ours names it
    shops = "the shop's"
    lines = [
        f"| `{row.id}` | `{row.when}` | {shops if row.zone == zone else row.zone} | `{row.request.kind}` "
        f"| {_span(row.catchup_window.total_seconds())} | {row.note} |\n"
        for row in declared(time_zone=zone)
    ]
    head = "| schedule | due | time zone | starts | catch-up window | |\n| --- | --- | --- | --- | --- | --- |\n"
    return head + "".join(lines)


def _span(seconds: float) -> str:
    for unit, size in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if seconds % size == 0:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} seconds"


def test_the_table_of_schedules_is_the_codes() -> None:
    found = TABLE.search(PAGE.read_text(encoding="utf-8"))
    assert found is not None
    assert found[0] == table(), "run `python -m tests.docs.test_schedules_page` to write it anew"


def test_the_table_of_problems_is_complete() -> None:
    assert {name.strip("`") for name, _ in rows(PAGE, "What is a problem")} == set(ProblemName)


def test_the_declared_example_can_be_added_to_the_table() -> None:
    names: dict[str, object] = {}
    [example] = [block for block in BLOCKS if block.language == "python"]
    exec(compile(example.text, example.page, "exec"), names)  # noqa: S102  # our own page
    [schedule] = [value for value in names.values() if isinstance(value, Schedule)]

    assert schedule.id in ScheduleTable([*SCHEDULES, schedule], registry).ids
    [entry] = [tomllib.loads(block.text) for block in BLOCKS if block.language == "toml"]
    assert list(entry["project"]["entry-points"]) == [ENTRY_POINTS]


async def test_the_commands_of_the_page_succeed_in_their_order(environment: dict[str, str]) -> None:
    assert await failures(commands(PAGE), environment) == {}


if __name__ == "__main__":
    PAGE.write_text(TABLE.sub(lambda _: table(), PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    sys.stdout.write("docs/schedules.md has the table of schedules as it is now.\n")
