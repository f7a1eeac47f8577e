"""What the command line says about itself, and about a command line that makes no sense. No server is needed."""

from __future__ import annotations

import json

import pytest

from domain.errors import permanent_error_types
from starter.cli import timetable
from tests.starter.commandline import CommandLine
from workflows.registry import registry

KINDS = ", ".join(kind.name for kind in registry)


@pytest.fixture
def offline() -> CommandLine:
    """A command line whose servers are away: whatever asks them fails."""
    return CommandLine({"TEMPORAL_ADDRESS": "127.0.0.1:1", "DATABASE_URL": "postgresql://postgres@127.0.0.1:1/shop"})


@pytest.mark.parametrize("arguments", [[], ["start"], ["setup"], ["status"], ["list"], ["cancel"], ["kinds"]])
async def test_every_command_explains_itself(offline: CommandLine, arguments: list[str]) -> None:
    done = await offline(*arguments, "--help")

    assert done.status == 0
    assert f"Usage: python -m starter {' '.join(arguments)}".rstrip() in done.out
    assert done.err == ""


async def test_without_a_command_the_help_is_shown_and_the_status_says_misused(offline: CommandLine) -> None:
    done = await offline()

    assert done.status == 2
    assert "Usage: python -m starter [OPTIONS] COMMAND" in done.out


async def test_the_help_of_start_lists_the_kinds(offline: CommandLine) -> None:
    done = await offline("start", "--help")

    assert "order-confirmation" in done.out
    assert "Confirm an order to its customer by mail, once." in done.out


async def test_the_help_of_a_kind_says_what_its_fields_must_be(offline: CommandLine) -> None:
    done = await offline("start", "order-confirmation", "--help")

    assert "Order id: a whole number from 1." in done.out


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["start"], f"name a kind: {KINDS}"),
        (["start", "no-such-kind"], f"there is no kind 'no-such-kind'; there are: {KINDS}"),
        (["start", "order-confirmation"], "Missing option '--order-id' (Order id: a whole number from 1)"),
        (["start", "order-confirmation", "--order-id", "x"], "--order-id: must be a whole number from 1, not 'x'"),
        (["start", "order-confirmation", "--order-id", "0"], "--order-id: must be a whole number from 1, not '0'"),
        (["start", "order-confirmation", "--order-id", "1", "--priority", "6"], "--priority: must be a whole number"),
        (["start", "order-confirmation", "--order-id", "1", "--delay", "10"], "--delay: must be a duration such as"),
        (["start", "order-confirmation", "--order-id", "1", "--delay", "9999999d"], "--delay: must be a duration"),
        (["start", "order-confirmation", "--order-id", "1", "--delay", "99999d"], "--delay: must be at most 3650d"),
        (["start", "order-confirmation", "--order-id", "1", "--timeout", "5s"], "--timeout: limits the waiting"),
        (["start", "order-confirmation", "--order-id", "1", "--nonsense"], "No such option: --nonsense"),
        (["status", "1042"], "ID: must be of the form order-confirmation/1042, not '1042'"),
        (["status"], "Missing argument 'ID'"),
        (["status", "order-confirmation/1", "--watch", "--json"], "--watch: prints many"),
        (["list", "--kind", "x"], f"--kind: there is no kind 'x'; there are: {KINDS}"),
        (["list", "--state", "x"], "--state: must be one of running, completed, failed"),
        (["list", "--older-than", "x"], "--older-than: must be a duration such as 30s"),
        (["list", "--limit", "0"], "--limit: must be a whole number from 1 to 100000, not '0'"),
        (["kinds", "--markdown", "--json"], "--markdown: choose one"),
        (["no-such-command"], "No such command 'no-such-command'"),
    ],
)
async def test_a_wrong_command_line_is_told_in_one_line(
    offline: CommandLine, arguments: list[str], complaint: str
) -> None:
    done = await offline(*arguments)

    assert done.status == 2
    assert complaint in done.err
    assert done.err.count("\n") == 1
    assert "pydantic" not in done.err
    if "--json" not in arguments:
        assert done.out == ""


async def test_a_wrong_command_line_as_json_is_an_error_document(offline: CommandLine) -> None:
    done = await offline("start", "order-confirmation", "--order-id", "x", "--json")

    assert done.status == 2
    assert done.document["error"]["type"] == "WrongCommandLine"
    assert "--order-id: must be a whole number from 1" in done.document["error"]["message"]


async def test_the_version_is_told(offline: CommandLine) -> None:
    done = await offline("--version")

    assert (done.status, done.out[:13]) == (0, "durable-jobs ")


async def test_kinds_show_queue_policy_and_the_whole_timetable(offline: CommandLine) -> None:
    done = await offline("kinds")

    lines = [line.split(maxsplit=1) for line in done.out.splitlines() if line]
    assert ["queue", "notifications"] in lines
    assert ["policy", "notification, 3 retries"] in lines
    assert "5–10 s, 10–20 s, 20–40 s" in done.out  # noqa: RUF001  # as it is printed
    for name in permanent_error_types():
        assert name in done.err


async def test_kinds_as_json_are_an_array(offline: CommandLine) -> None:
    done = await offline("kinds", "--json")

    [row] = [row for row in done.document if row["kind"] == "order-confirmation"]
    assert row["fields"] == ["order_id"]
    assert row["deadline"] == "15 min"
    assert "RecipientRejected" in row["permanent_error_types"]


async def test_kinds_as_markdown_are_what_the_readme_has(offline: CommandLine) -> None:
    done = await offline("kinds", "--markdown")

    assert done.out == timetable.markdown(registry)
    assert "| `order-confirmation` | `order_id` | `notifications` |" in done.out


async def test_wrong_settings_are_named_by_their_variables_without_values(offline: CommandLine) -> None:
    done = await offline("setup", "--json", DATABASE_CONNECTIONS="hunter2")

    assert done.status == 1
    assert done.document["error"]["type"] == "InvalidSettings"
    assert "DATABASE_CONNECTIONS" in done.document["error"]["message"]
    assert "hunter2" not in done.out + done.err


async def test_what_stdout_cannot_encode_is_replaced(offline: CommandLine) -> None:
    done = await offline("kinds", "--json", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    text = await offline("kinds", PYTHONIOENCODING="ascii", PYTHONUTF8="0")

    assert json.loads(done.out)
    assert text.status == 0
    assert "5?10 s" in text.out
