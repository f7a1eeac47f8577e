"""`jobs outbox`: what the operator sees of the outbox, and does about what could not be started. Temporal is away."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator

import psycopg
import pytest

from starter.cli.app import run
from tests.starter.commandline import Finished

Line = Callable[..., Finished]


@pytest.fixture
def line(database: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Line:
    """Runs a command in this process; `answer` is what its question is answered with."""
    environment = {"DATABASE_URL": database, "TEMPORAL_ADDRESS": "127.0.0.1:1", "COLUMNS": "200", "NO_COLOR": "1"}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    def line(*arguments: object, answer: str = "") -> Finished:
        monkeypatch.setattr("sys.stdin", io.StringIO(answer))
        status = run(["outbox", *map(str, arguments)], "jobs")
        return Finished(status, *capsys.readouterr())

    return line


@pytest.fixture
def direct(database: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database, autocommit=True) as connection:
        yield connection


@pytest.fixture
def ids(direct: psycopg.Connection) -> dict[str, int]:
    """Ids of entries in each state."""
    added = direct.execute(r"""
        INSERT INTO outbox (kind, payload, job_id, enqueued_at, attempts, refused_at, retry_at, error_type, error,
                            start_delay, priority)
        VALUES ('order-confirmation', '{"order_id": 1}', 'order-confirmation/1', '2026-01-01Z', 0,
                NULL, NULL, NULL, NULL, NULL, NULL),
               ('order-confirmation', '{"order_id": "it''s \u001b[1m"}', NULL, '2026-01-02Z', 1,
                now(), NULL, 'InvalidPayload', E'order_id: Input should be\x1b[2m a valid integer', NULL, NULL),
               ('of-yesterday', '{}', 'of-yesterday/', '2026-01-03Z', 2,
                NULL, now() + interval '1 h', 'NotSetUp', 'Run `jobs setup`.', '1 h', 2)
        RETURNING id""")
    return dict(zip(("waiting", "refused", "put-off"), (row[0] for row in added), strict=True))


def _left(direct: psycopg.Connection) -> list[int]:
    return [row[0] for row in direct.execute("SELECT id FROM outbox ORDER BY id")]


def test_entries_are_listed_with_what_is_wrong_and_what_to_do(line: Line, ids: dict[str, int]) -> None:
    done = line("list")

    assert done.status == 0
    head, waiting, refused, put_off = done.out.splitlines()
    assert head.split() == ["id", "job", "waiting", "for", "attempts", "next", "attempt", "error"]
    assert waiting.startswith(f"{ids['waiting']} ")
    assert "  order-confirmation/1  " in waiting
    assert waiting.endswith("  0         now")
    # Known by its kind and payload; and what moves a terminal's cursor is shown, not sent.
    assert '  order-confirmation {"order_id": "it\'s \\u001b[1m"}  ' in refused
    assert refused.endswith("  InvalidPayload: order_id: Input should be�[2m a valid integer")
    assert "  1         none  " in refused
    assert "  of-yesterday/  " in put_off
    assert "  2         in " in put_off
    for hint in ("`jobs outbox retry ID`", "`jobs outbox discard ID`", "is a worker or `jobs relay` running"):
        assert hint in done.err


def test_the_list_can_be_narrowed_and_read_by_programs(line: Line, ids: dict[str, int]) -> None:
    [entry] = line("list", "--refused", "--json").document
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
    first, others = line("list", "--limit", "1", "--json"), line("list", "--kind", "of-tomorrow")
    assert [entry["state"] for entry in first.document] == ["waiting"]
    assert "There are more than 1; --limit shows more of them." in first.err
    assert (others.status, others.out, others.err) == (0, "", "Nothing fits.\n")
    [put_off] = line("list", "--kind", "of-yesterday", "--json").document
    assert (put_off["state"], put_off["not_before"]) == ("put-off", "2026-01-03T01:00:00+00:00")


def test_entries_are_tried_again_by_id_by_kind_or_all(
    line: Line, ids: dict[str, int], direct: psycopg.Connection
) -> None:
    by_id = line("retry", ids["refused"], ids["waiting"])
    by_kind = line("retry", "--kind", "of-yesterday", "--json")
    of_all = line("retry", "--all")
    gone = line("retry", 2**62, "--json")

    assert (by_id.status, by_id.out) == (0, "1 entry will be tried again at once.\n")
    assert by_id.err == f"{ids['waiting']} waits to be started, as it did before.\n"
    assert (by_kind.status, by_kind.err, by_kind.document["error"]) == (0, "", None)
    assert [entry["id"] for entry in by_kind.document["retried"]] == [ids["put-off"]]
    assert (of_all.status, of_all.out) == (0, "No entries to try again.\n")
    assert (gone.status, gone.document["error"]["type"], gone.document["gone"]) == (1, "EntryNotFound", [2**62])
    left = direct.execute("SELECT count(*) FROM outbox WHERE num_nulls(refused_at, retry_at, error) < 3").fetchone()
    assert left == (0,)


def test_an_entry_is_discarded_after_a_yes_and_its_statement_enters_it_again(
    line: Line, ids: dict[str, int], direct: psycopg.Connection
) -> None:
    for asked in (line("discard", ids["put-off"]), line("discard", ids["put-off"], answer="n\n")):
        assert asked.status == 1
        assert "Discard 1 entry? What is discarded never runs. [y/N]" in asked.err
        assert "Nothing was discarded. (With --yes nobody is asked.)" in asked.err
    assert _left(direct) == list(ids.values())

    yes = line("discard", ids["put-off"], answer="y\n")

    assert yes.status == 0
    assert yes.out.splitlines()[:2] == [f"{ids['put-off']}  of-yesterday/", "  NotSetUp: Run `jobs setup`."]
    assert yes.out.endswith("1 entry discarded; each statement above, once corrected, enters its job again.\n")
    assert _left(direct) == [ids["waiting"], ids["refused"]]
    direct.execute("INSERT INTO job_kinds (kind, fields) VALUES ('of-yesterday', '{}')")
    direct.execute(yes.out.splitlines()[2].encode())
    again = direct.execute("SELECT kind, payload, start_at::text FROM outbox WHERE priority = 2").fetchall()
    assert again == [("of-yesterday", {}, "2026-01-03 01:00:00+00")]


def test_what_only_waits_stays_and_what_is_discarded_without_a_question_is_in_the_document(
    line: Line, ids: dict[str, int], direct: psycopg.Connection
) -> None:
    done = line("discard", ids["refused"], ids["waiting"], "--yes", "--json")

    assert done.status == 1
    assert done.document["error"] == {
        "type": "NotDiscarded",
        "message": f"{ids['waiting']} stays: it waits to be started, and nothing has gone wrong with it.",
    }
    [entry] = done.document["discarded"]
    assert entry["statement"] == (
        """SELECT enqueue_job('order-confirmation', E'{"order_id": "it''s \\\\u001b[1m"}');"""
    )
    direct.execute(entry["statement"].encode())
    payloads = direct.execute("SELECT payload FROM outbox ORDER BY id").fetchall()
    assert payloads[-1] == ({"order_id": "it's \x1b[1m"},)


def test_an_empty_outbox_and_a_database_that_is_away_are_reported(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    as_text, as_json = line("list"), line("list", "--json")
    assert (as_text.status, as_text.out, as_text.err) == (0, "", "The outbox is empty.\n")
    assert (as_json.status, as_json.document, as_json.err) == (0, [], "")

    monkeypatch.setenv("DATABASE_URL", "postgresql://shop:hunter2@127.0.0.1:1/shop")
    away = line("retry", "--all", "--json")
    assert (away.status, away.document["error"]["type"]) == (1, "ConnectionBroken")
    assert "Is PostgreSQL running at postgresql://shop:********@127.0.0.1:1/shop (DATABASE_URL)?" in away.err


def test_a_database_without_a_schema_is_reported_with_the_remedy(
    line: Line, empty_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", empty_database)
    assert "has no schema: run `jobs setup`." in line("list").err


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
def test_a_wrong_command_line_is_reported_in_one_line(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status = run(["outbox", *arguments], "jobs")

    said = capsys.readouterr().err
    assert status == 2
    assert complaint in said
    assert said.count("\n") == 1


def test_every_command_explains_itself_with_examples(capsys: pytest.CaptureFixture[str]) -> None:
    for command, example in {
        "": "jobs outbox list --refused",
        "list": "jobs outbox list --refused --kind order-confirmation",
        "retry": "jobs outbox retry --kind order-confirmation",
        "discard": "jobs outbox discard 4711 4712 --yes",
    }.items():
        assert run(["outbox", *command.split(), "--help"], "jobs") == 0
        said = capsys.readouterr().out
        assert f"Usage: jobs outbox {command}".rstrip() in said
        assert example in said
