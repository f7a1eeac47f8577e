"""Pausing kinds and queues, with real workers and the command line: jobs that have not begun wait; nothing is lost."""

from __future__ import annotations

import asyncio
import getpass
import logging
import socket
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from temporalio.client import Client, Schedule, ScheduleActionStartWorkflow, ScheduleSpec

from demo.stack import Stack
from demo.temporal_server import temporal_binary
from domain.outbox import Entry
from starter import JobHandle, Jobs, OrderConfirmationRequest
from starter.pauses import CannotPause, PauseWatch, pause, paused, resume
from starter.queries import JobFilter
from starter.relaying import start_entry
from starter.setup import add_search_attributes
from starter.status import JobState
from tests.fakes import FakeMail
from tests.starter.commandline import CommandLine, InProcess
from tests.starter.serving import MakeNamespace, becomes, serve
from workflows.pausing import Pauses, Target
from workflows.registry import registry

KIND = "order-confirmation"
ME = f"{getpass.getuser()}@{socket.gethostname()}"


@pytest.fixture
async def quiet(make_namespace: MakeNamespace) -> Client:
    """Of a namespace in which no other test pauses anything."""
    client = await make_namespace()
    await add_search_attributes(client)
    return client


@pytest.fixture
def line(stack: Stack, quiet: Client) -> CommandLine:
    return InProcess({**stack.environment(), "TEMPORAL_NAMESPACE": quiet.namespace})


@asynccontextmanager
async def watch(client: Client, *order_ids: int, mail: FakeMail) -> AsyncIterator[Pauses]:
    """Serve the queue and watch the pauses, as `worker.py` does."""
    pauses, soon = Pauses(), timedelta(milliseconds=50)
    watching = PauseWatch(client, pauses, every=soon, release_every=soon)
    assert await watching.look()
    async with serve(client, *order_ids, mail=mail, pauses=pauses):
        keeping_up = asyncio.create_task(watching.keep_up())
        yield pauses
        keeping_up.cancel()
        await asyncio.wait([keeping_up])


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Return when the condition holds: of visibility, which lags, and sends no notice."""
    async with asyncio.timeout(30):
        while not await condition():  # noqa: ASYNC110  # see above
            await asyncio.sleep(0.05)


async def held(handle: JobHandle) -> str:
    """What `jobs status` says of it, as soon as it is held."""
    status = await becomes(handle, lambda status: status.waiting is not None and "paused: " in status.waiting)
    assert status.state == "running"
    return str(status.waiting)


async def counted(client: Client, *wanted: int) -> None:
    """Wait until this many jobs wait for each of the pauses."""

    async def are_there() -> bool:
        return [each.held for each in await paused(client)] == list(wanted)

    await until(are_there)


async def start_in_every_way(client: Client, stack: Stack) -> None:
    """By the application, the relay, Temporal's command line and a schedule."""
    await Jobs(client).start(OrderConfirmationRequest, order_id=1)
    entry = Entry(2, uuid.uuid4(), KIND, '{"order_id": 2}', None, None, None, attempts=0)
    assert await start_entry(client, registry, entry) is None
    process = await asyncio.create_subprocess_exec(
        *(temporal_binary(), "workflow", "start", "--type", "OrderConfirmation", "--task-queue", "notifications"),
        *("--workflow-id", f"{KIND}/3", "--input", '{"order_id": 3}'),
        *("--address", stack.temporal_address, "--namespace", client.namespace),
        stdout=asyncio.subprocess.DEVNULL,
    )
    assert await process.wait() == 0
    action = ScheduleActionStartWorkflow(
        "OrderConfirmation", {"order_id": 4}, id=f"{KIND}/4", task_queue="notifications"
    )
    await client.create_schedule("nightly", Schedule(action, spec=ScheduleSpec()), trigger_immediately=True)


async def test_jobs_of_a_paused_kind_wait_however_they_were_started_and_go_on_when_it_is_resumed(
    quiet: Client, stack: Stack, line: CommandLine
) -> None:
    mail = FakeMail()
    made = await line("pause", KIND, "--reason", "mail server is down")
    async with watch(quiet, 1, 2, 3, 4, mail=mail):
        await start_in_every_way(quiet, stack)
        await counted(quiet, 4)
        again, shown = await line("pause", KIND), await line("paused")
        status = await line("status", f"{KIND}/1")
        listed = {job.id for job in await Jobs(quiet).list()}
        running = {job.id for job in await Jobs(quiet).list(JobFilter(state=JobState.running))}
        sent = len(mail.attempts)
        resumed = await line("resume", KIND)
        for job_id in listed:
            await Jobs(quiet).of(job_id).result()
    once_more, nothing = await line("resume", KIND), await line("paused")

    assert (sent, len(mail.accepted), len(listed)) == (0, 4, 4)
    assert listed == running  # a pause is no job
    assert (made.status, made.err) == (0, "")
    assert made.out.splitlines()[:2] == [
        f"Paused: {KIND}. Jobs that have not begun wait, those under way go on. Workers heed it within 3 s.",
        f"  To let its jobs go on: python -m starter resume {KIND}",
    ]
    assert "/workflows/paused%2Forder-confirmation" in made.out
    assert again.out.startswith(f"{KIND} is paused already, since ")
    assert f"by {ME}: mail server is down\n" in again.out
    _, row = shown.out.splitlines()
    assert (row.split()[0], row.split()[-6:]) == (KIND, [ME, "4", "mail", "server", "is", "down"])
    assert f"by {ME} (mail server is down)" in status.out
    assert (resumed.status, resumed.out) == (0, f"Resumed: {KIND}. Workers let its jobs go on within 3 s.\n")
    assert (once_more.status, once_more.out) == (0, f"{KIND} was not paused.\n")
    assert (nothing.status, nothing.out, nothing.err) == (0, "", "Nothing is paused.\n")


async def test_a_pause_of_a_queue_holds_its_kinds_and_a_job_stays_held_until_both_pauses_have_ended(
    quiet: Client,
) -> None:
    mail = FakeMail()
    await pause(quiet, kind=KIND)
    await pause(quiet, queue="notifications")
    async with watch(quiet, 1, mail=mail) as known:
        handle = await Jobs(quiet).start(OrderConfirmationRequest, order_id=1)
        both = await held(handle)
        await counted(quiet, 1, 1)
        assert await resume(quiet, kind=KIND)

        async def one_is_left() -> bool:
            return list(known.reasons) == [Target(queue="notifications")]

        await until(one_is_left)
        still = await held(handle)
        assert await resume(quiet, queue="notifications")
        await handle.result()

    assert both.startswith(f"paused: {KIND} since 2")
    assert "; queue notifications since" in both
    assert still.startswith("paused: queue notifications since")
    assert len(mail.accepted) == 1


async def test_a_worker_that_starts_again_knows_what_is_paused_and_one_that_runs_sees_a_pause_come_and_go(
    quiet: Client,
) -> None:
    mail = FakeMail()
    async with watch(quiet, 1, 2, mail=mail) as known:
        await (await Jobs(quiet).start(OrderConfirmationRequest, order_id=1)).result()
        await pause(quiet, kind=KIND)

        async def heeded() -> bool:
            return Target(kind=KIND) in known.reasons

        await until(heeded)
        handle = await Jobs(quiet).start(OrderConfirmationRequest, order_id=2)
        await held(handle)
    async with watch(quiet, 2, 3, mail=mail):
        later = await Jobs(quiet).start(OrderConfirmationRequest, order_id=3)
        await held(later)
        assert len(mail.accepted) == 1
        # Terminated as anyone can do in the Web UI. The other job was held by a process that has ended.
        await quiet.get_workflow_handle(f"paused/{KIND}").terminate()
        await asyncio.gather(later.result(), handle.result())

    assert len(mail.accepted) == 3


async def test_documents_have_the_same_and_what_is_not_known_is_refused(quiet: Client, line: CommandLine) -> None:
    made = (await line("pause", "--queue", "notifications", "--json")).document
    await counted(quiet, 0)
    (listed,) = (await line("paused", "--json")).document
    resumed = (await line("resume", "--queue", "notifications", "--json")).document
    unknown, two = await line("pause", "reprot"), await line("resume", KIND, "--queue", "notifications")

    known = ("kind", "queue", "by", "reason", "new", "held")
    assert [made[key] for key in known] == [None, "notifications", ME, "", True, 0]
    assert listed == {**made, "new": False}
    assert resumed == {"kind": None, "queue": "notifications", "was_paused": True}
    assert (unknown.status, two.status) == (2, 2)
    assert unknown.err.startswith("Error: KIND or --queue: There is no kind 'reprot'; there are: ")
    assert two.err.startswith("Error: KIND or --queue: Name either a kind or a queue")
    with pytest.raises(CannotPause, match="one line of at most 200 characters"):
        await pause(quiet, kind=KIND, reason="two\nlines")
    with pytest.raises(CannotPause, match="There is no kind 'reprot'"):
        await resume(quiet, kind="reprot")


async def test_a_worker_that_cannot_see_what_is_paused_keeps_to_what_it_knew(
    quiet: Client, caplog: pytest.LogCaptureFixture
) -> None:
    config = quiet.config()
    config["namespace"] = "one-that-is-not-there"
    known = Pauses({Target(kind=KIND): "mail server is down"})
    watching = PauseWatch(Client(**config), known)

    with caplog.at_level(logging.WARNING, "starter.pauses"):
        assert [await watching.look() for _ in range(2)] == [False, False]

    assert known.reasons == {Target(kind=KIND): "mail server is down"}
    (logged,) = caplog.records
    assert logged.getMessage().startswith("What is paused cannot be seen. Temporal at ")
