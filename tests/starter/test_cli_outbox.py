"""`jobs outbox`: what the operator sees of the outbox, and does about what could not be started. Temporal is away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from starter.cli.app import run
from tests.starter.commandline import CommandLine


@pytest.fixture
def line(database: str) -> CommandLine:
    return CommandLine({"DATABASE_URL": database, "TEMPORAL_ADDRESS": "127.0.0.1:1"})


@pytest.fixture
async def direct(database: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database)
    yield connection
    await connection.close()


@pytest.fixture
async def ids(direct: asyncpg.Connection) -> dict[str, int]:
    """Of entries in each state."""
    added = await direct.fetch("""
        INSERT INTO outbox (kind, payload, job_id, enqueued_at, attempts, refused_at, retry_at, error_type, error,
                            start_delay, priority)
        VALUES ('order-confirmation', '{"order_id": 1}', 'order-confirmation/1', '2026-01-01Z', 0,
                NULL, NULL, NULL, NULL, NULL, NULL),
               ('order-confirmation', '{"order_id": "it''s \\u001b[1m"}', NULL, '2026-01-02Z', 1,
                now(), NULL, 'InvalidPayload', E'order_id: Input should be\\x1b[2m a valid integer', NULL, NULL),
               ('of-yesterday', '{}', 'of-yesterday/', '2026-01-03Z', 2,
                NULL, now() + interval '1 h', 'NotSetUp', 'Run `jobs setup`.', '1 h', 2)
        RETURNING id""")
    return dict(zip(("waiting", "refused", "put-off"), (row[0] for row in added), strict=True))


async def _left(direct: asyncpg.Connection) -> list[int]:
    return [row[0] for row in await direct.fetch("SELECT id FROM outbox ORDER BY id")]


async def test_an_empty_outbox_is_told(line: CommandLine) -> None:
    done, as_json = await asyncio.gather(line("outbox", "list"), line("outbox", "list", "--json"))

    assert (done.status, done.out, done.err) == (0, "", "The outbox is empty.\n")
    assert (as_json.status, as_json.document, as_json.err) == (0, [], "")


async def test_entries_are_listed_with_what_is_wrong_and_what_to_do(line: CommandLine, ids: dict[str, int]) -> None:
    done = await line("outbox", "list")

    assert done.status == 0
    head, waiting, refused, put_off = done.out.splitlines()
    assert head.split() == ["id", "job", "waiting", "for", "attempts", "next", "attempt", "error"]
    assert waiting.startswith(f"{ids['waiting']}   ".rstrip() + " ")
    assert "  order-confirmation/1  " in waiting
    assert waiting.endswith("  0         now")
    # Known by its kind and payload; and what moves a terminal's cursor is shown, not sent.
    assert '  order-confirmation {"order_id": "it\'s \\u001b[1m"}  ' in refused
    assert "  1         none  " in refused
    assert refused.endswith("  InvalidPayload: order_id: Input should be�[2m a valid integer")
    assert "  of-yesterday/  " in put_off
    assert "  2         in 59 min" in put_off
    assert "`python -m starter outbox retry ID`" in done.err
    assert "`python -m starter outbox discard ID`" in done.err
    assert "is a worker or `python -m starter relay` running" in done.err


async def test_the_list_can_be_narrowed_and_read_by_programs(line: CommandLine, ids: dict[str, int]) -> None:
    refused, first, others, of_kind = await asyncio.gather(
        line("outbox", "list", "--refused", "--json"),
        line("outbox", "list", "--limit", "1", "--json"),
        line("outbox", "list", "--kind", "of-tomorrow"),
        line("outbox", "list", "--kind", "of-yesterday", "--json"),
    )

    [entry] = refused.document
    assert entry == {
        "id": ids["refused"],
        "kind": "order-confirmation",
        "job_id": None,
        "payload": {"order_id": "it's \x1b[1m"},
        "state": "refused",
        "enqueued_at": "2026-01-02T00:00:00+00:00",
        "not_before": None,
        "priority": None,
        "fairness_key": None,
        "attempts": 1,
        "retry_at": None,
        "refused_at": entry["refused_at"],
        "error_type": "InvalidPayload",
        "error": "order_id: Input should be\x1b[2m a valid integer",
    }
    assert [entry["state"] for entry in first.document] == ["waiting"]
    assert "There are more than 1; --limit shows more of them." in first.err
    assert (others.status, others.out, others.err) == (0, "", "Nothing fits.\n")
    assert [(entry["state"], entry["not_before"]) for entry in of_kind.document] == [
        ("put-off", "2026-01-03T01:00:00+00:00")
    ]


async def test_entries_are_tried_again_by_id_by_kind_or_all(
    line: CommandLine, ids: dict[str, int], direct: asyncpg.Connection
) -> None:
    by_id = await line("outbox", "retry", ids["refused"], ids["waiting"])
    by_kind = await line("outbox", "retry", "--kind", "of-yesterday", "--json")
    of_all = await line("outbox", "retry", "--all")
    gone = await line("outbox", "retry", 2**62, "--json")

    assert (by_id.status, by_id.out) == (0, "1 entry will be tried again at once.\n")
    assert by_id.err == f"{ids['waiting']} waits to be started, as it did before.\n"
    assert (by_kind.status, by_kind.err, by_kind.document["error"]) == (0, "", None)
    assert [entry["id"] for entry in by_kind.document["retried"]] == [ids["put-off"]]
    assert (of_all.status, of_all.out) == (0, "No entries to try again.\n")
    assert (gone.status, gone.document["error"]["type"], gone.document["gone"]) == (1, "EntryNotFound", [2**62])
    assert await direct.fetchval("SELECT count(*) FROM outbox WHERE num_nulls(refused_at, retry_at, error) < 3") == 0


async def test_an_entry_is_discarded_after_a_yes_and_its_statement_enters_it_again(
    line: CommandLine, ids: dict[str, int], direct: asyncpg.Connection
) -> None:
    asked, no = await asyncio.gather(
        line("outbox", "discard", ids["put-off"]),  # nobody answers
        line.answering("n\n", "outbox", "discard", ids["put-off"]),
    )
    assert (asked.status, no.status) == (1, 1)
    assert "Discard 1 entry? What is discarded never runs. [y/N]" in asked.err
    assert "Nothing was discarded. (With --yes nobody is asked.)" in asked.err
    assert await _left(direct) == list(ids.values())

    yes = await line.answering("y\n", "outbox", "discard", ids["put-off"])

    assert yes.status == 0
    assert yes.out.splitlines()[:2] == [f"{ids['put-off']}  of-yesterday/", "  NotSetUp: Run `jobs setup`."]
    assert yes.out.endswith("1 entry discarded; each statement above, once corrected, enters its job again.\n")
    assert await _left(direct) == [ids["waiting"], ids["refused"]]
    await direct.execute("INSERT INTO job_kinds (kind, fields, id_fields) VALUES ('of-yesterday', '{}', '[]')")
    await direct.execute(yes.out.splitlines()[2])
    again = await direct.fetchrow(
        "SELECT kind, payload, job_id, priority, start_at::text FROM outbox WHERE priority = 2"
    )
    assert tuple(again) == ("of-yesterday", "{}", "of-yesterday/", 2, "2026-01-03 01:00:00+00")


async def test_what_only_waits_stays_and_what_is_discarded_without_a_question_is_in_the_document(
    line: CommandLine, ids: dict[str, int], direct: asyncpg.Connection
) -> None:
    done = await line("outbox", "discard", ids["refused"], ids["waiting"], "--yes", "--json")

    assert done.status == 1
    assert done.document["error"] == {
        "type": "NotDiscarded",
        "message": f"{ids['waiting']} stays: it waits to be started, and nothing has gone wrong with it.",
    }
    [entry] = done.document["discarded"]
    assert entry["statement"] == (
        """SELECT enqueue_job('order-confirmation', E'{"order_id": "it''s \\\\u001b[1m"}');"""
    )
    await direct.execute("UPDATE job_kinds SET fields = '{\"*\": {}}', id_fields = NULL")
    await direct.execute(entry["statement"])
    payloads = await direct.fetch("SELECT payload FROM outbox ORDER BY id")
    assert payloads[-1][0] == '{"order_id": "it\'s \\u001b[1m"}'


async def test_a_database_without_a_schema_or_away_is_told_with_the_remedy(
    line: CommandLine, empty_database: str
) -> None:
    empty, away = await asyncio.gather(
        line("outbox", "list", DATABASE_URL=empty_database),
        line("outbox", "retry", "--all", "--json", DATABASE_URL="postgresql://shop:hunter2@127.0.0.1:1/shop"),
    )

    assert empty.status == away.status == 1
    assert "has no schema: run `python -m starter setup`." in empty.err
    assert away.document["error"]["type"] == "ConnectionBroken"
    assert "Is PostgreSQL running at postgresql://shop:********@127.0.0.1:1/shop (DATABASE_URL)?" in away.err


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "COMMAND: say what to do: list, retry or discard"),
        (["retry"], "ID: give either ids, or --kind, or --all"),
        (["retry", "1", "--all"], "ID: give either ids, or --kind, or --all"),
        (["retry", "order-confirmation/1"], "must be a whole number from 1 to"),
        (["discard"], "Missing argument 'ID'"),
        (["discard", "1", "--json"], "--json: asks nobody, so add --yes"),
        (["list", "--limit", "0"], "--limit: must be a whole number from 1"),
    ],
)
def test_a_wrong_command_line_is_told_in_one_line(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status = run(["outbox", *arguments], "jobs")

    told = capsys.readouterr().err
    assert status == 2
    assert complaint in told
    assert told.count("\n") == 1


@pytest.mark.parametrize(
    ("command", "example"),
    [
        ("", "jobs outbox list --refused"),
        ("list", "jobs outbox list --refused --kind order-confirmation"),
        ("retry", "jobs outbox retry --kind order-confirmation"),
        ("discard", "jobs outbox discard 4711 4712 --yes"),
    ],
)
def test_every_command_explains_itself_with_examples(
    command: str, example: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status = run(["outbox", *command.split(), "--help"], "jobs")

    told = capsys.readouterr()
    assert (status, told.err) == (0, "")
    assert f"Usage: jobs outbox {command}".rstrip() in told.out
    assert example in told.out
