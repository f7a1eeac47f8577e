"""What the command line says about itself, and about a command line that makes no sense. No server is needed."""

from __future__ import annotations

import pytest
from typer.main import get_group

from domain.errors import PERMANENT
from domain.requests import START_OPTIONS, EntityId, JobRequest
from starter.cli.fields import field_options
from starter.cli.kinds import markdown_table
from starter.cli.output import Output
from starter.cli.start import start_commands
from tests.starter.commandline import CommandLine, InProcess
from workflows.registry import registry

KINDS = ", ".join(kind.name for kind in registry)


AWAY = {"TEMPORAL_ADDRESS": "127.0.0.1:1", "DATABASE_URL": "postgresql://postgres@127.0.0.1:1/shop"}


@pytest.fixture
def offline() -> CommandLine:
    """A command line whose servers are away: whatever asks them fails."""
    return InProcess(AWAY)


@pytest.mark.parametrize("arguments", [[], ["start"], ["setup"], ["status"], ["kinds"], ["dead"], ["dead", "redrive"]])
async def test_every_command_explains_itself(offline: CommandLine, arguments: list[str]) -> None:
    done = await offline(*arguments, "--help")

    assert (done.status, done.err) == (0, "")
    assert f"Usage: python -m starter {' '.join(arguments)}".rstrip() in done.out


async def test_help_is_shown_without_a_command_and_says_what_kinds_and_fields_there_are() -> None:
    done = await CommandLine(AWAY)()  # by a process, as people do
    kinds = await InProcess(AWAY)("start", "--help")
    fields = await InProcess(AWAY)("start", "order-confirmation", "--help")

    assert done.status == 2
    assert "Usage: python -m starter [OPTIONS] COMMAND" in done.out
    assert "Confirm an order to its customer by mail, once." in kinds.out
    assert "Order id: a whole number from 1." in fields.out


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["start"], "name a kind: alert, dead-letter-digest, "),
        (["start", "no-such-kind"], f"there is no kind 'no-such-kind'; there are: {KINDS}"),
        (["start", "order-confirmation"], "Missing option '--order-id' (Order id: a whole number from 1)"),
        (["start", "order-confirmation", "--order-id", "x"], "--order-id: must be a whole number from 1, not 'x'"),
        (["start", "order-confirmation", "--order-id", "1", "--priority", "6"], "--priority: must be a whole number"),
        (["start", "order-confirmation", "--order-id", "1", "--delay", "10"], "--delay: must be a duration such as"),
        (["start", "order-confirmation", "--order-id", "1", "--timeout", "5s"], "--timeout: limits the waiting"),
        (["start", "order-confirmation", "--order-id", "1", "--nonsense"], "No such option: --nonsense"),
        (["status", "1042"], "ID: must be of the form order-confirmation/1042, not '1042'"),
        (["status"], "Missing argument 'ID'"),
        (["status", "order-confirmation/1", "--watch", "--json"], "--watch: prints many"),
        (["list", "--kind", "x"], f"--kind: there is no kind 'x'; there are: {KINDS}"),
        (["list", "--state", "x"], "--state: must be one of running, completed, failed"),
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


async def test_the_version_is_shown(offline: CommandLine) -> None:
    done = await offline("--version")

    assert (done.status, done.out[:13]) == (0, "durable-jobs ")


async def test_kinds_are_shown_with_queue_policy_and_timetable(offline: CommandLine) -> None:
    done = await offline("kinds")
    [row] = [row for row in (await offline("kinds", "--json")).document if row["kind"] == "order-confirmation"]
    markdown = await offline("kinds", "--markdown")

    lines = [line.split(maxsplit=1) for line in done.out.splitlines() if line]
    assert ["queue", "notifications"] in lines
    assert ["policy", "notification, 3 retries"] in lines
    assert "5–10 s, 10–20 s, 20–40 s" in done.out  # noqa: RUF001  # as it is printed
    assert all(name in done.err for name in PERMANENT)
    assert (row["fields"], row["deadline"]) == (["order_id"], "15 min")
    assert "RecipientRejected" in row["permanent_error_types"]
    assert markdown.out == markdown_table(registry)
    assert "| `order-confirmation` | `order_id` | `notifications` |" in markdown.out


async def test_wrong_settings_are_named_by_their_variables_without_values(offline: CommandLine) -> None:
    done = await offline("setup", "--json", DATABASE_CONNECTIONS="hunter2")

    assert done.status == 1
    assert done.document["error"]["type"] == "InvalidSettings"
    assert "DATABASE_CONNECTIONS" in done.document["error"]["message"]
    assert "hunter2" not in done.out + done.err


async def test_what_stdout_cannot_encode_is_replaced() -> None:
    # With PYTHONPATH it is a new interpreter, which heeds these variables, and no fork of one.
    text = await CommandLine(AWAY)("kinds", PYTHONIOENCODING="ascii", PYTHONUTF8="0", PYTHONPATH="")

    assert text.status == 0
    assert "5?10 s" in text.out


def test_fields_named_like_options_have_other_options_and_commands_no_more_than_requests_leave_to_them() -> None:
    class LateRequest(JobRequest):
        delay: EntityId
        check: bool = True

    assert [option.flag for option in field_options(LateRequest)] == ["--job-delay", "--job-check"]
    command = get_group(start_commands(registry, Output("jobs", as_json=False))).commands["order-confirmation"]
    names = {name for option in command.params for name in (*option.opts, *option.secondary_opts)}
    assert names | {"--help"} == START_OPTIONS | {"--order-id"}
