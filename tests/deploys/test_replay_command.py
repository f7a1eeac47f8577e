"""`jobs replay`: what the code at hand makes of the jobs that there are, before it is deployed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from temporalio.client import Client

from demo.stack import Stack
from domain.errors import InvalidRequest
from domain.order_confirmation import OrderConfirmationRequest
from starter import JobDidNotComplete, Jobs, encryption
from starter.connection import connect
from starter.replaying import from_server, queries_of, replay
from tests.fakes import FakeMail, FakeOrders, an_order, fake_ports
from tests.histories.record import HISTORIES
from tests.starter.commandline import CommandLine, InProcess
from workflows import steps
from workflows.hosting import job_worker
from workflows.pausing import Pauses, Target
from workflows.registry import registry

CHANGED = "the workflow does not do what its history says: [TMPRL1100] Nondeterminism error"


@pytest.fixture
def command_line(stack: Stack, client: Client) -> CommandLine:
    return InProcess({**stack.environment(), "TEMPORAL_NAMESPACE": client.namespace})


async def begin_jobs(client: Client) -> None:
    """Leaves one done, one failed, one that is held, and one of a kind that nobody has any more."""
    jobs, mail = Jobs(client), FakeMail(None, InvalidRequest("No such recipient"))
    ports = fake_ports(FakeOrders(*map(an_order, (1, 2, 3))), mail=mail)
    pauses = Pauses()
    async with job_worker(client, "notifications", registry, ports, sandbox=False, pauses=pauses):
        assert (await (await jobs.start(OrderConfirmationRequest(order_id=1))).result()).outcome == "done"
        with pytest.raises(JobDidNotComplete):
            await (await jobs.start(OrderConfirmationRequest(order_id=2))).result()
        pauses.reasons = {Target(kind="order-confirmation"): ""}
        held = await jobs.start(OrderConfirmationRequest(order_id=3))
        async with asyncio.timeout(30):
            while (await client.get_workflow_handle(held.id).describe()).history_length < 4:  # noqa: ASYNC110  # nobody tells
                await asyncio.sleep(0.05)
    async with asyncio.timeout(30):
        while (await client.count_workflows("")).count < 3:  # noqa: ASYNC110  # visibility tells nobody by itself
            await asyncio.sleep(0.05)


async def test_jobs_on_the_server_are_replayed_and_those_that_would_break_are_told(
    client: Client, command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await begin_jobs(client)
    fine = await command_line("replay", "--json")
    await client.start_workflow("OrderGift", id="order-gift/1", task_queue="notifications")
    await client.start_workflow("OrderGift", id="order-gift/2", task_queue="of-others")
    async with asyncio.timeout(30):
        while (await client.count_workflows("WorkflowType = 'OrderGift'")).count < 2:  # noqa: ASYNC110  # as above
            await asyncio.sleep(0.05)

    stuck = await command_line("replay")
    asked = await command_line("replay", "--query", "WorkflowType='OrderConfirmation'", "--limit", "2", "--json")
    fewest, everything = [await command_line("replay", "--limit", "1", *more, "--json") for more in ((), ("--all",))]
    wrong = await command_line("replay", "--query", "no query")
    monkeypatch.setattr(steps, "run", steps.run_regular)
    live = from_server(client, queries_of(registry), limit=None)
    changed = [each async for each in replay(registry, client.data_converter, live)]

    assert (fine.status, fine.document) == (
        0,
        {"replayed": {"order-confirmation": 3}, "unknown_kinds": {}, "broken_count": 0, "broken": []},
    )
    assert stuck.status == 1
    [line, summary] = stuck.out.splitlines()
    assert line.startswith("order-gift/1 (run ")
    assert line.endswith("): this code has no kind 'order-gift': the job would be stuck")
    assert summary == ("Replayed 3 jobs of 1 kinds (up to 100 of each kind; --all replays all): 1 would break.")
    assert (asked.status, asked.document["replayed"]) == (0, {"order-confirmation": 2})
    # One that runs and one that has ended, and of the other kind the only one on our queues.
    assert fewest.document["replayed"] == {"order-confirmation": 2}
    assert everything.document["replayed"] == {"order-confirmation": 3}
    assert (fewest.document["broken_count"], fewest.document["broken"][0]["job"]) == (1, "order-gift/1")
    assert wrong.status == 1
    assert "Temporal refuses this" in wrong.err
    # Held at the gate, the third has not come to the step that changed.
    broken = {each.job: each.problem for each in changed if each.known and each.problem}
    assert set(broken) == {"order-confirmation/1", "order-confirmation/2"}
    assert all(str(problem).startswith(CHANGED) for problem in broken.values())


async def test_encrypted_jobs_are_replayed_with_the_environments_keys(
    client: Client, stack: Stack, command_line: CommandLine
) -> None:
    keys = {encryption.KEYS: encryption.new_key("2026-11")}
    with_keys = await connect(
        target_host=stack.temporal_address,
        namespace=client.namespace,
        data_converter=encryption.configured(keys),
    )
    await begin_jobs(with_keys)

    replayed = await command_line("replay", "--json", **keys)
    without = await command_line("replay")

    assert (replayed.status, replayed.document["replayed"]) == (0, {"order-confirmation": 3}), replayed.err
    assert without.status == 1
    assert "2026-11" in without.out


async def test_files_are_replayed_without_a_server(command_line: CommandLine, tmp_path: Path) -> None:
    recorded = HISTORIES / "order-confirmation" / "done-at-the-second-attempt.json"
    text = recorded.read_text(encoding="utf-8")
    # As code that called its step by another name would have left it.
    (tmp_path / "older.json").write_text(text.replace("order_confirmation.confirm", "order_confirmation.write"))
    (tmp_path / "other.json").write_text("{}", encoding="utf-8")
    nowhere = {"TEMPORAL_ADDRESS": "127.0.0.1:1"}

    good = await command_line("replay", HISTORIES, **nowhere)
    bad = await command_line("replay", recorded, tmp_path / "older.json", "--json", **nowhere)
    unreadable = await command_line("replay", tmp_path / "other.json", **nowhere)

    assert good.status == 0, good.out + good.err
    assert bad.status == 1
    [broken] = bad.document["broken"]
    assert (broken["job"], broken["source"]) == ("order-confirmation/2", str(tmp_path / "older.json"))
    assert broken["problem"].startswith(CHANGED)
    assert bad.document["replayed"] == {"order-confirmation": 2}
    assert unreadable.status == 1
    assert "cannot be read as a history" in unreadable.err
