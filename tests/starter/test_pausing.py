"""Pausing kinds and queues, with real workers: jobs that have not begun wait, and nothing is lost."""

from __future__ import annotations

import asyncio
import uuid
from datetime import timedelta

import pytest
from temporalio.client import Client, Schedule, ScheduleActionStartWorkflow, ScheduleSpec

from demo.stack import Stack
from demo.temporal_server import temporal_binary
from domain.outbox import Entry
from starter import JobHandle, Jobs, OrderConfirmationRequest
from starter.pause_watch import PauseWatch
from starter.pauses import CannotPause, pause, paused, resume
from starter.queries import JobFilter
from starter.relaying import start_entry
from starter.setup import add_search_attributes
from starter.status import JobState
from tests.fakes import FakeMail
from tests.starter.serving import MakeNamespace, becomes
from tests.starter.watching import until, watch
from workflows.pausing import Target, pauses_of
from workflows.registry import registry

KIND = "order-confirmation"


@pytest.fixture
async def quiet(make_namespace: MakeNamespace) -> Client:
    """Of a namespace in which no other test pauses anything."""
    client = await make_namespace()
    await add_search_attributes(client)
    return client


async def held(handle: JobHandle) -> str:
    """What `jobs status` says of it, as soon as it is held."""
    status = await becomes(handle, lambda status: status.waiting is not None and "paused" in status.waiting)
    assert status.state == "running"
    return str(status.waiting)


async def counted(client: Client, *wanted: int) -> None:
    """Wait until so many jobs wait for each of the pauses."""

    async def are_there() -> bool:
        return [each.held for each in await paused(client)] == list(wanted)

    await until(are_there)


async def by_application(client: Client, _: Stack, order_id: int) -> None:
    await Jobs(client).start(OrderConfirmationRequest, order_id=order_id)


async def by_relay(client: Client, _: Stack, order_id: int) -> None:
    entry = Entry(order_id, uuid.uuid4(), KIND, f'{{"order_id": {order_id}}}', None, None, None, attempts=0)
    assert await start_entry(client, registry, entry) is None


async def by_temporals_command_line(client: Client, stack: Stack, order_id: int) -> None:
    process = await asyncio.create_subprocess_exec(
        *(temporal_binary(), "workflow", "start", "--type", "OrderConfirmation", "--task-queue", "notifications"),
        *("--workflow-id", f"{KIND}/{order_id}", "--input", f'{{"order_id": {order_id}}}'),
        *("--address", stack.temporal_address, "--namespace", client.namespace),
        stdout=asyncio.subprocess.DEVNULL,
    )
    assert await process.wait() == 0


async def by_schedule(client: Client, _: Stack, order_id: int) -> None:
    action = ScheduleActionStartWorkflow(
        "OrderConfirmation", {"order_id": order_id}, id=f"{KIND}/{order_id}", task_queue="notifications"
    )
    await client.create_schedule(f"nightly {order_id}", Schedule(action, spec=ScheduleSpec()), trigger_immediately=True)


async def test_jobs_of_a_paused_kind_wait_however_they_were_started_and_go_on_when_it_is_resumed(
    quiet: Client, stack: Stack
) -> None:
    mail, ways = FakeMail(), [by_application, by_relay, by_temporals_command_line, by_schedule]
    made = await pause(quiet, kind=KIND, reason="mail server is down", by="ada@console")
    again = await pause(quiet, kind=KIND, reason="I did not look")
    async with watch(quiet, 1, 2, 3, 4, mail=mail):
        for order_id, way in enumerate(ways, start=1):
            await way(quiet, stack, order_id)
        await counted(quiet, len(ways))
        (listed,) = await paused(quiet)
        jobs_listed = {job.id for job in await Jobs(quiet).list()}
        running = {job.id for job in await Jobs(quiet).list(JobFilter(state=JobState.running))}
        ran = [run async for run in quiet.list_workflows(f"WorkflowId STARTS_WITH '{KIND}/'")]
        told = await held(Jobs(quiet).of(f"{KIND}/1"))
        sent = len(mail.attempts)

        resumed = await resume(quiet, kind=KIND)
        for run in ran:
            await Jobs(quiet).of(run.id).result()

    assert (made.kind, made.queue, made.by, made.reason, made.new) == (
        *(KIND, None, "ada@console", "mail server is down"),
        True,
    )
    assert again == made.model_copy(update={"new": False})
    assert listed == made.model_copy(update={"new": False, "held": 4})
    assert told.startswith(f"paused: {KIND} since 2")
    assert told.endswith("by ada@console (mail server is down)")
    assert (sent, len(mail.accepted)) == (0, 4)
    assert (resumed.was_paused, resumed.released, resumed.still_held) == (True, 4, 0)
    assert jobs_listed == running == {run.id for run in ran}  # a pause is no job
    assert len(ran) == 4
    assert await paused(quiet) == []


async def test_a_pause_of_a_queue_holds_its_kinds_and_a_job_stays_held_until_both_pauses_have_ended(
    quiet: Client,
) -> None:
    mail = FakeMail()
    await pause(quiet, kind=KIND)
    await pause(quiet, queue="notifications")
    async with watch(quiet, 1, mail=mail):
        handle = await Jobs(quiet).start(OrderConfirmationRequest, order_id=1)
        told = await held(handle)
        await counted(quiet, 1, 1)
        one = await resume(quiet, kind=KIND)
        still = await held(handle)
        both = await resume(quiet, queue="notifications")
        await handle.result()

    assert KIND in told
    assert "; queue notifications since" in told
    assert (one.released, one.still_held) == (0, 1)
    assert still.startswith("paused: queue notifications since")
    assert (both.released, both.still_held) == (1, 0)
    assert len(mail.accepted) == 1


async def test_a_worker_that_starts_anew_knows_what_is_paused_and_one_that_runs_sees_a_pause_come_and_go(
    quiet: Client,
) -> None:
    async def heeded() -> bool:
        return Target(kind=KIND) in pauses_of(quiet).reasons

    mail = FakeMail()
    async with watch(quiet, 1, 2, mail=mail):
        await (await Jobs(quiet).start(OrderConfirmationRequest, order_id=1)).result()
        await pause(quiet, kind=KIND)
        await until(heeded)
        handle = await Jobs(quiet).start(OrderConfirmationRequest, order_id=2)
        await held(handle)
    async with watch(quiet, 2, 3, mail=mail):
        later = await Jobs(quiet).start(OrderConfirmationRequest, order_id=3)
        await held(later)
        assert len(mail.accepted) == 1
        # Terminated as anyone can do in the Web UI, so that nobody but the worker tells the jobs.
        await quiet.get_workflow_handle(f"paused/{KIND}").terminate()
        await later.result()
    # The other was held by a process that has ended, and whose successor has ended too.
    async with watch(quiet, 2, mail=mail):
        await handle.result()

    assert len(mail.accepted) == 3


async def test_what_is_not_known_cannot_be_paused_and_what_is_not_paused_can_be_resumed(quiet: Client) -> None:
    with pytest.raises(CannotPause, match=r"^There is no queue 'mails'; there are: .*\bnotifications\b.*\.$"):
        await pause(quiet, queue="mails")
    with pytest.raises(CannotPause, match="one line of at most 200 characters"):
        await pause(quiet, kind=KIND, reason="two\nlines")
    with pytest.raises(CannotPause, match="Name either a kind or a queue"):
        await resume(quiet)
    with pytest.raises(CannotPause, match="There is no kind 'reprot'"):
        await resume(quiet, kind="reprot")

    assert not (await resume(quiet, kind=KIND)).was_paused
    assert await paused(quiet) == []


async def test_a_worker_that_cannot_see_what_is_paused_keeps_to_what_it_knew(
    quiet: Client, caplog: pytest.LogCaptureFixture
) -> None:
    config = quiet.config()
    config["namespace"] = "one-that-is-not-there"
    away = Client(**config)
    known = {Target(kind=KIND): "mail server is down"}
    pauses_of(away).replace(known)

    async def has_told() -> bool:
        return "starter.pause_watch" in {record.name for record in caplog.records}

    beginning = asyncio.create_task(PauseWatch(away).begin(within=timedelta(seconds=30)))
    await until(has_told)
    beginning.cancel()
    await asyncio.wait([beginning])

    assert pauses_of(away).reasons == known
    (line,) = [record for record in caplog.records if record.name == "starter.pause_watch"]
    assert line.getMessage().startswith("What is paused cannot be seen. Temporal at ")
