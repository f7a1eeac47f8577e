"""Workers that are restarted one after the other, under load: no attempt is lost, and no mail goes out twice.

`make crash` restarts them ten times.
"""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator
from itertools import count, repeat

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

from tests.deploys.conftest import Start
from tests.outbox.processes import FULL
from tests.outbox.shop import Shop, one_each, runs
from tests.smtp_server import Accept, Phase, SmtpServer

pytestmark = [pytest.mark.long, pytest.mark.timeout(900 if FULL else 180)]

AT_ONCE = [
    "WORKFLOW_EXECUTION_STARTED",
    "WORKFLOW_TASK_SCHEDULED",
    "WORKFLOW_TASK_STARTED",
    "WORKFLOW_TASK_COMPLETED",
    "MARKER_RECORDED",
    "WORKFLOW_EXECUTION_COMPLETED",
]
"""Events of a job whose one attempt succeeded, in the first task that any worker had of it."""


@pytest.fixture
async def mail_server() -> AsyncIterator[SmtpServer]:
    """Takes its time for each mail, so that there always are some on their way."""
    async with SmtpServer() as server:
        server.script(Phase.dot, repeat(Accept(at=Phase.dot, after=0.15)))
        yield server


async def events_of(client: Client, workflow_id: str) -> list[str]:
    history = await client.get_workflow_handle(workflow_id).fetch_history()
    return [EventType.Name(event.event_type).removeprefix("EVENT_TYPE_") for event in history.events]


async def test_each_job_has_one_attempt_and_each_mail_goes_out_once(
    start: Start, client: Client, shop: Shop, mail_server: SmtpServer
) -> None:
    to_mail_server = {"SMTP_HOST": mail_server.host, "SMTP_PORT": str(mail_server.port)}
    workers = [await start(**to_mail_server), await start(**to_mail_server)]
    await asyncio.gather(*(worker.takes_jobs() for worker in workers))
    enough = asyncio.Event()

    async def place_orders() -> int:
        for number in count(1):
            await shop.place(number)
            if enough.is_set():
                return number
            await asyncio.sleep(0.04)
        raise AssertionError

    placing = asyncio.create_task(place_orders())
    sent_between = []
    for number in range(20 if FULL else 3):
        before = len(mail_server.mails)
        async with asyncio.timeout(60):
            while len(mail_server.mails) < before + 8:  # noqa: ASYNC110  # the server has no event for it
                await asyncio.sleep(0.01)
        old = workers[number % 2]
        old.send(signal.SIGTERM)
        assert await old.ended() == 0
        assert old.errors == ""
        workers[number % 2] = await start(**to_mail_server)
        await workers[number % 2].takes_jobs()
        sent_between.append(len(mail_server.mails) - before)
    enough.set()
    placed = range(1, await placing + 1)
    await shop.emptied()
    found = await runs(client, len(placed))
    async with asyncio.timeout(60):
        for job in found:
            await client.get_workflow_handle(job).result()

    assert found == one_each(placed)
    courses = {job: await events_of(client, job) for job in found}
    assert {job: events for job, events in courses.items() if events != AT_ONCE} == {}
    assert Counter(str(mail.parsed["Message-ID"]) for mail in mail_server.mails).most_common(1)[0][1] == 1
    assert len(mail_server.mails) == len(placed)
    assert all(sent_between), "there was load at each restart"
