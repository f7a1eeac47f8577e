"""`jobs dead`: what operators see of dead letters, and decide about them."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.db.dead_letters import SqlSweepCheckpoint
from domain.dead_letter_sweep import FailedRuns, SweepCheckpoint, SweepTimes
from domain.dead_letters import DeadLetter, DeadLetterRepository, DeadLetterState
from starter.cli.app import run
from tests.dead_letters.world import World
from tests.fakes import FakeOrders, fake_ports
from tests.starter.commandline import Finished
from workflows.hosting import job_worker
from workflows.registry import registry


@dataclass(frozen=True)
class Scene:
    """The dead letters of the module's namespace."""

    refused: Sequence[DeadLetter]
    """Confirmations of the orders 1, 2 and 3."""
    undecodable: DeadLetter
    """Its input is no request; its id says order 77."""
    attempts: DeadLetter
    """A job of three steps that made all its attempts."""
    listed: Sequence[Finished]
    """Lists and groups, before any test changes a dead letter."""

    def confirmation(self, order_id: int) -> DeadLetter:
        return next(letter for letter in self.refused if letter.workflow_id == f"order-confirmation/{order_id}")


@pytest.fixture(scope="module")
async def scene(world: World) -> Scene:
    refused = await world.confirmations([1, 2, 3])
    started = await world.client.start_workflow(
        "OrderConfirmation", {"order_id": "Ada"}, id="order-confirmation/77", task_queue="notifications"
    )
    undecodable = await world.recorded(started.id, started.result_run_id)
    attempts = await world.failed("attempts")
    listed = await asyncio.gather(
        world.line("dead", "list"),
        world.line("dead", "list", "--order-id", "2", "--json"),
        world.line("dead", "list", "--error-type", "ServiceUnavailable", "--since", "1h", "--json"),
        world.line("dead", "list", "--state", "discarded", "--until", "2020-01-01"),
        world.line("dead", "list", "--kind", "order-confirmation", "--limit", "1", "--json"),
        world.line("dead", "groups", "--json"),
        world.line("dead", "groups", "--kind", "order-confirmation"),
    )
    return Scene(refused, undecodable, attempts, listed)


def test_letters_are_listed_newest_first_and_filtered_and_those_of_one_cause_are_a_group(scene: Scene) -> None:
    everything, of_order, by_error, nothing, first, groups, table = scene.listed

    assert everything.status == 0
    head, *rows = everything.out.splitlines()
    assert head.split() == ["id", "job", "error", "step", "attempts", "failed", "state", "group"]
    letters = [scene.attempts, scene.undecodable, *reversed(scene.refused)]
    assert [row.split()[:2] for row in rows] == [[str(each.id), each.workflow_id] for each in letters]
    assert "`python -m starter dead show ID`" in everything.err
    [document] = of_order.document
    assert (document["job_id"], document["request"]) == ("order-confirmation/2", {"order_id": 2})
    found = (document["error_type"], document["step"], document["attempts"])
    assert found == ("RecipientRejected", "order_confirmation.confirm", 1)
    assert document["web_ui"].endswith(f"/workflows/order-confirmation%2F2/{document['run_id']}/history")
    assert [each["id"] for each in by_error.document] == [scene.attempts.id]
    assert (nothing.status, nothing.out, nothing.err) == (0, "", "No dead letter matches.\n")
    assert [each["id"] for each in first.document] == [scene.undecodable.id]
    assert "There are more than 1;" in first.err

    group = scene.refused[0].fingerprint
    counts = {each["fingerprint"]: each["count"] for each in groups.document}
    assert counts == {group: 3, scene.undecodable.fingerprint: 1, scene.attempts.fingerprint: 1}
    last = max(scene.refused, key=lambda letter: (letter.failed_at, letter.id))
    assert groups.document[0]["example"]["id"] == last.id
    assert table.out.splitlines()[1].split()[:4] == [group, "3", "order-confirmation", "RecipientRejected"]


async def test_a_letter_is_shown_with_its_attempts_what_a_redrive_would_do_and_the_commands_that_help(
    world: World, scene: Scene
) -> None:
    shown, as_json, none, without_temporal, without_database = await asyncio.gather(
        world.line("dead", "show", scene.attempts.workflow_id),
        world.line("dead", "show", scene.attempts.id, "--json"),
        world.line("dead", "show", "order-confirmation/4711", "--json"),
        world.line("dead", "show", scene.attempts.id, TEMPORAL_ADDRESS="127.0.0.1:1"),
        world.line("dead", "list", "--json", DATABASE_URL="postgresql://127.0.0.1:1/shop"),
    )

    assert shown.status == 0
    for part in (
        "ServiceUnavailable: HTTP 503 for order",
        "step        failing.charge, after 3 attempts",
        "now         resume: From `failing.charge` on.",
        "kept        failing.reserve",
        "runs again  failing.charge",
        f"Resume it: python -m starter dead redrive {scene.attempts.id} --yes",
        f"dead discard {scene.attempts.id} --reason 'why'",
    ):
        assert part in shown.out
    kept = as_json.document["attempts_kept"]
    assert [(each["number"], each["error_type"]) for each in kept] == [(n, "ServiceUnavailable") for n in (1, 2, 3)]
    # History keeps the time of the last regular attempt, and not of the one before.
    assert [each["ended"] is not None for each in kept] == [True, False, True]
    assert (none.status, none.document["error"]["type"]) == (1, "LetterNotFound")
    assert without_temporal.status == 0
    assert "failing.charge" in without_temporal.out
    assert "Its history cannot be shown. Temporal does not answer at 127.0.0.1:1." in without_temporal.err
    assert (without_database.status, without_database.document["error"]["type"]) == (1, "ConnectionBroken")


@pytest.mark.long
async def test_what_operators_decide_is_kept_with_who_and_why(world: World, scene: Scene) -> None:
    letter = scene.confirmation(1)
    ack = await world.line("dead", "ack", letter.id, letter.workflow_id, "--note", "ticket 4711", "--by", "ada")
    again = await world.line("dead", "ack", letter.id, "999999", "--json")
    discard = await world.line("dead", "discard", letter.id, "--reason", "ordered twice")
    refused = await world.line("dead", "redrive", letter.id, "--yes", "--json")
    reopen = await world.line("dead", "reopen", letter.id, "--by", "ben")

    assert (ack.status, ack.out) == (0, "1 dead letter acknowledged.\n")
    assert again.status == 1
    message = f"999999 has no dead letter; {letter.id} stays as it is: acknowledged."
    assert again.document["error"]["message"] == message
    assert (discard.status, reopen.status, refused.status) == (0, 0, 1)
    assert (refused.document["redriven"], refused.document["left"][0]["verdict"]) == (0, "settled")
    actions = await world.letters.actions(letter.id)
    assert [(each.by, each.state, each.note) for each in actions] == [
        ("ada", DeadLetterState.acknowledged, "ticket 4711"),
        (actions[1].by, DeadLetterState.discarded, "ordered twice"),
        ("ben", DeadLetterState.open, ""),
    ]
    assert "@" in actions[1].by


async def test_an_input_that_was_no_request_is_replaced_by_one_that_is(
    world: World, scene: Scene, tmp_path: Path
) -> None:
    letter = scene.undecodable
    redrive = ("dead", "redrive", letter.id, "--yes")
    texts = ('{"order_id": 77}', '{"order_id": "Ada"}', '{"order_id": 78}', "order 77")
    file, *wrong = [tmp_path / f"{number}.json" for number in range(len(texts))]
    for each, text in zip((file, *wrong), texts, strict=True):
        each.write_text(text)
    as_it_was, restarted, preview, *refused = await asyncio.gather(
        world.line(*redrive, "--json"),
        world.line(*redrive, "--restart", "--json"),
        world.line("dead", "redrive", letter.id, "--input", file),
        *(world.line(*redrive, "--input", each, "--json") for each in wrong),
    )
    complaints = [each.document["error"]["message"] for each in refused]
    assert (await world.now(letter)).state is DeadLetterState.open

    done = await world.line(*redrive, "--input", file, "--json")

    assert as_it_was.document["left"][0]["verdict"] == "restart-only"
    assert "give a corrected one by --input FILE" in restarted.document["error"]["message"]
    assert complaints[0].startswith("--input is no request of order-confirmation: order_id: ")
    assert complaints[1].startswith("With this input it would be another job, order-confirmation/78: start that by")
    assert complaints[2].startswith("--input is no request of order-confirmation: request: Invalid JSON: ")
    assert preview.out.splitlines()[1].startswith("runs again  1")
    assert (done.status, done.document["runs"][0]["result"]) == (0, "restarted")
    await world.ended_well([letter])
    assert world.mail.received["order-confirmation/77"] == 1


@pytest.mark.long
async def test_letters_are_chosen_by_a_query_of_temporals_and_run_again_as_a_whole(world: World, scene: Scene) -> None:
    preview, wrong = await asyncio.gather(
        world.line("dead", "redrive", "--query", "OrderId = '3'"),
        world.line("dead", "redrive", "--query", "OrderId = ", "--json"),
    )
    command = next(line for line in preview.err.splitlines() if "--yes" in line).partition("`")[2].rstrip("`")
    done = await world.line(*shlex.split(command)[3:], "--restart", "--json")

    assert preview.out.splitlines()[1].split()[:2] == ["goes", "on"]
    assert "Steps that run again: order_confirmation.confirm (1)" in preview.out
    assert wrong.document["error"]["type"] == "InvalidStart"
    assert [each["id"] for each in done.document["runs"]] == [scene.confirmation(3).id]
    await world.ended_well([scene.confirmation(3)])
    assert world.mail.received["order-confirmation/3"] == 1


@pytest.mark.long
async def test_a_run_that_was_terminated_has_a_letter_after_a_sweep(world: World, scene: Scene) -> None:  # noqa: ARG001  # its jobs are known
    handle = await world.start("hangs")
    await handle.terminate("by mistake")
    await world.until("ExecutionStatus = 'Terminated'", handle)
    ports = {
        **fake_ports(FakeOrders()),
        DeadLetterRepository: world.letters,
        FailedRuns: world.runs,
        SweepCheckpoint: SqlSweepCheckpoint(world.engine),
        SweepTimes: SweepTimes(),
    }
    async with job_worker(world.client, "maintenance", registry, ports, drain=timedelta()):
        swept = await world.line("dead", "sweep", "--json")

    assert swept.status == 0
    assert swept.document["outcome"]["facts"]["recorded"] == 1
    assert (await world.letter_of(handle)).error_type == "Terminated"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "COMMAND: say what to do: list, groups, show, redrive, ack, discard, reopen or sweep"),
        (["list", "--state", "dead"], "must be one of open, acknowledged"),
        (["list", "--since", "yesterday"], "must be a time such as 2026-11-24T03:00, or how long ago"),
        (["redrive"], "ID: name letters, or give --group, --query or other filters"),
        (["redrive", "17", "--kind", "order-confirmation"], "ID: give either ids, or --query and filters"),
        (["redrive", "17", "18", "--input", "-"], "--input: is for one letter: name that"),
        (["redrive", "17", "--rate", "0"], "must be a whole number from 1 to"),
        (["ack"], "ID: name letters"),
        (["ack", "17", "--group", "3f2a9c1b7d04"], "ID: give either ids, or --group"),
        (["ack", "17", "--by", " "], "--by: must be a text of one line"),
        (["discard", "17"], "Missing option '--reason'"),
        (["discard", "17", "--reason", " "], "--reason: say why nothing will be done"),
    ],
)
def test_a_wrong_command_line_is_reported_in_one_line(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status = run(["dead", *arguments], "jobs")

    message = capsys.readouterr().err
    assert status == 2
    assert complaint in message
    assert message.count("\n") == 1
