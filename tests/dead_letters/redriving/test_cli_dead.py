"""`jobs dead`: what the operator sees of dead letters, and decides about them."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from domain.dead_letters import Letter, LetterFilter, LetterState
from starter.cli.app import run
from tests.dead_letters.redriving.ground import Ground
from tests.starter.commandline import CommandLine, Finished


@dataclass(frozen=True)
class Scene:
    """What is dead in the module's namespace."""

    refused: Sequence[Letter]
    """Confirmations of the orders 1, 2 and 3."""
    undecodable: Letter
    """One whose input is no request: its id says order 77."""
    attempts: Letter
    """A job of three steps that made all its attempts."""
    listed: Sequence[Finished]
    grouped: Sequence[Finished]
    """What lists and groups show of these, before any test decides about one of them."""


@pytest.fixture(scope="module")
async def scene(ground: Ground) -> Scene:
    refused = await ground.confirmations([1, 2, 3])
    started = await ground.client.start_workflow(
        "OrderConfirmation", {"order_id": "Ada"}, id="order-confirmation/77", task_queue="notifications"
    )
    undecodable = await ground.letter_of(started.id, started.result_run_id)
    attempts = await ground.dead("attempts")
    listed = await asyncio.gather(
        ground.line("dead", "list"),
        ground.line("dead", "list", "--order-id", "2", "--json"),
        ground.line("dead", "list", "--error-type", "ServiceUnavailable", "--since", "1h", "--json"),
        ground.line("dead", "list", "--state", "discarded", "--until", "2020-01-01"),
        ground.line("dead", "list", "--kind", "order-confirmation", "--limit", "1", "--json"),
    )
    grouped = await asyncio.gather(
        ground.line("dead", "groups", "--json"), ground.line("dead", "groups", "--kind", "order-confirmation")
    )
    return Scene(refused, undecodable, attempts, listed, grouped)


def test_letters_are_listed_newest_first_and_narrowed(scene: Scene) -> None:
    everything, of_order, by_error, nothing, first = scene.listed

    assert everything.status == 0
    head, *rows = everything.out.splitlines()
    assert head.split() == ["id", "job", "error", "step", "attempts", "died", "state", "group"]
    letters = [scene.attempts, scene.undecodable, *reversed(scene.refused)]
    assert [row.split()[:2] for row in rows] == [[str(each.id), each.run.workflow_id] for each in letters]
    assert "`python -m starter dead show ID`" in everything.err
    [document] = of_order.document
    assert (document["job_id"], document["request"]) == ("order-confirmation/2", {"order_id": 2})
    assert (document["error_type"], document["step"], document["attempts"]) == (
        "RecipientRejected",
        "order_confirmation.confirm",
        1,
    )
    assert document["web_ui"].endswith(f"/workflows/order-confirmation%2F2/{document['run_id']}/history")
    assert [each["id"] for each in by_error.document] == [scene.attempts.id]
    assert (nothing.status, nothing.out, nothing.err) == (0, "", "No dead letter fits.\n")
    assert [each["id"] for each in first.document] == [scene.undecodable.id]
    assert "There are more than 1;" in first.err


def test_what_died_of_the_same_is_one_group(scene: Scene) -> None:
    groups, table = scene.grouped

    told = {each["fingerprint"]: each["count"] for each in groups.document}
    group = scene.refused[0].fingerprint
    assert told == {group: 3, scene.undecodable.fingerprint: 1, scene.attempts.fingerprint: 1}
    last = max(scene.refused, key=lambda letter: (letter.run.failed_at, letter.id))
    assert groups.document[0]["example"]["id"] == last.id
    assert table.out.splitlines()[1].split()[:4] == [group, "3", "order-confirmation", "RecipientRejected"]
    assert "dead redrive --group" in table.err


async def test_a_letter_is_shown_with_its_attempts_what_a_redrive_would_do_and_the_commands_that_help(
    ground: Ground, scene: Scene
) -> None:
    shown, as_json, none, without_temporal = await asyncio.gather(
        ground.line("dead", "show", scene.attempts.run.workflow_id),
        ground.line("dead", "show", scene.attempts.id, "--json"),
        ground.line("dead", "show", "order-confirmation/4711", "--json"),
        ground.line("dead", "show", scene.attempts.id, TEMPORAL_ADDRESS="127.0.0.1:1"),
    )
    document = as_json.document

    assert shown.status == 0
    for part in (
        "ServiceUnavailable: HTTP 503 for order",
        "step        mending.charge, after 3 attempts",
        "now         resume: From `mending.charge` on.",
        "kept        mending.reserve",
        "runs again  mending.charge",
        f"Let it go on: python -m starter dead redrive {scene.attempts.id} --yes",
        f"dead discard {scene.attempts.id} --reason 'why'",
    ):
        assert part in shown.out
    assert [(each["number"], each["error_type"]) for each in document["attempts_kept"]] == [
        (1, "ServiceUnavailable"),
        (2, "ServiceUnavailable"),
        (3, "ServiceUnavailable"),
    ]
    # History keeps the time of the last regular attempt, and not of the one before.
    assert [each["ended"] is not None for each in document["attempts_kept"]] == [True, False, True]
    assert (none.status, none.document["error"]["type"]) == (1, "LetterNotFound")
    assert without_temporal.status == 0
    assert "mending.charge" in without_temporal.out
    assert "Its history cannot be shown. Temporal does not answer at 127.0.0.1:1." in without_temporal.err


async def test_what_people_decide_is_kept_with_who_and_why(ground: Ground, scene: Scene) -> None:
    letter = next(each for each in scene.refused if each.run.workflow_id == "order-confirmation/1")
    ack = await ground.line("dead", "ack", letter.id, letter.run.workflow_id, "--note", "ticket 4711", "--by", "ada")
    again = await ground.line("dead", "ack", letter.id, "999999", "--json")
    discard = await ground.line("dead", "discard", letter.id, "--reason", "ordered twice")
    refused = await ground.line("dead", "redrive", letter.id, "--yes", "--json")
    reopen = await ground.line("dead", "reopen", letter.id, "--by", "ben")

    assert (ack.status, ack.out) == (0, "1 letter acknowledged.\n")
    assert again.status == 1
    assert again.document["error"]["message"] == f"999999 has no letter; {letter.id} stays as it is: acknowledged."
    assert (discard.status, reopen.status) == (0, 0)
    assert refused.status == 1
    assert (refused.document["redriven"], refused.document["left"][0]["verdict"]) == (0, "settled")
    actions = await ground.letters.actions(letter.id)
    assert [(each.by, each.state, each.note) for each in actions] == [
        ("ada", LetterState.acknowledged, "ticket 4711"),
        (actions[1].by, LetterState.discarded, "ordered twice"),
        ("ben", LetterState.open, ""),
    ]
    assert "@" in actions[1].by
    assert (await ground.now(letter)).state is LetterState.open


async def test_an_input_that_was_no_request_is_replaced_by_one_that_is(
    ground: Ground, scene: Scene, tmp_path: Path
) -> None:
    letter = scene.undecodable
    file = tmp_path / "request.json"
    redrive = ("dead", "redrive", letter.id, "--yes")
    wrong = ('{"order_id": "Ada"}', '{"order_id": 78}', "order 77")
    files = [tmp_path / f"wrong-{number}.json" for number in range(len(wrong))]
    for each, text in zip(files, wrong, strict=True):
        each.write_text(text)
    file.write_text('{"order_id": 77}')
    as_it_was, anew, preview, *refused = await asyncio.gather(
        ground.line(*redrive, "--json"),
        ground.line(*redrive, "--restart", "--json"),
        ground.line("dead", "redrive", letter.id, "--input", file),
        *(ground.line(*redrive, "--input", each, "--json") for each in files),
    )
    complaints = [each.document["error"]["message"] for each in refused]
    assert (await ground.now(letter)).state is LetterState.open

    ground.mail.mended = True
    done = await ground.line(*redrive, "--input", file, "--json")

    assert as_it_was.document["left"][0]["verdict"] == "restart-only"
    assert "give a corrected one by --input FILE" in anew.document["error"]["message"]
    assert complaints[0].startswith("--input is no request of order-confirmation: order_id: ")
    assert complaints[1].startswith("With this input it would be another job, order-confirmation/78: start that by")
    assert complaints[2].startswith("--input is no JSON")
    assert preview.out.splitlines()[1].startswith("runs anew  1")
    assert (done.status, done.document["runs"][0]["result"]) == (0, "restarted")
    await ground.ended_well([letter])
    assert ground.mail.received["order-confirmation/77"] == 1
    ground.mail.mended = False


async def test_letters_are_chosen_by_a_query_of_temporals_and_run_anew_as_a_whole(ground: Ground, scene: Scene) -> None:
    letter = next(each for each in scene.refused if each.run.workflow_id == "order-confirmation/3")
    ground.mail.mended = True
    preview, wrong = await asyncio.gather(
        ground.line("dead", "redrive", "--query", "OrderId = '3'"),
        ground.line("dead", "redrive", "--query", "OrderId = ", "--json"),
    )
    command = next(line for line in preview.err.splitlines() if "--yes" in line).partition("`")[2].rstrip("`")
    done = await ground.line(*shlex.split(command)[3:], "--restart", "--json")

    assert preview.out.splitlines()[1].split()[:2] == ["goes", "on"]
    assert "  order_confirmation.confirm  in 1 job" in preview.out
    assert wrong.document["error"]["type"] == "InvalidStart"
    assert [each["id"] for each in done.document["runs"]] == [letter.id]
    await ground.ended_well([letter])
    assert ground.mail.received["order-confirmation/3"] == 1
    [now] = await ground.letters.list(LetterFilter(ids=frozenset({letter.id})), limit=1)
    assert now.state is LetterState.redriven


async def test_a_database_that_is_away_is_told_in_one_line(line_without_database: CommandLine) -> None:
    done = await line_without_database("dead", "list", "--json")

    assert done.status == 1
    assert done.document["error"]["type"] == "ConnectionBroken"


@pytest.fixture
def line_without_database() -> CommandLine:
    return CommandLine({"DATABASE_URL": "postgresql://127.0.0.1:1/shop"})


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "COMMAND: say what to do: list, groups, show, redrive, ack, discard, reopen or sweep"),
        (["list", "--state", "dead"], "must be one of open, acknowledged"),
        (["list", "--since", "yesterday"], "must be a time such as 2026-11-24T03:00, or how long ago"),
        (["redrive"], "ID: name letters, or give --group, --query or other filters"),
        (["redrive", "17", "--kind", "order-confirmation"], "ID: give either ids, or --query and filters"),
        (["redrive", "17", "18", "--input", "request.json"], "--input: is for one letter: name that"),
        (["redrive", "17", "--rate", "0"], "must be a whole number from 1 to"),
        (["ack"], "ID: name letters"),
        (["ack", "17", "--group", "3f2a9c1b7d04"], "ID: give either ids, or --group"),
        (["ack", "17", "--by", " "], "--by: must be a text of one line"),
        (["discard", "17"], "Missing option '--reason'"),
        (["discard", "17", "--reason", " "], "--reason: say why nothing will be done"),
    ],
)
def test_a_wrong_command_line_is_told_in_one_line(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status = run(["dead", *arguments], "jobs")

    told = capsys.readouterr().err
    assert status == 2
    assert complaint in told
    assert told.count("\n") == 1


@pytest.mark.parametrize(
    ("command", "example"),
    [
        ("", "jobs dead groups"),
        ("list", "jobs dead list --since 2h"),
        ("groups", "jobs dead groups --kind order-confirmation --json"),
        ("show", "jobs dead show order-confirmation/1042"),
        ("redrive", "jobs dead redrive 17 --input request.json --yes"),
        ("ack", "jobs dead ack 17 --note"),
        ("discard", "jobs dead discard 17 --reason"),
        ("reopen", "jobs dead reopen 17 --note"),
        ("sweep", "jobs dead sweep"),
    ],
)
def test_every_command_explains_itself_with_examples(
    command: str, example: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status = run(["dead", *command.split(), "--help"], "jobs")

    told = capsys.readouterr()
    assert (status, told.err) == (0, "")
    assert f"Usage: jobs dead {command}".rstrip() in told.out
    assert example in told.out
