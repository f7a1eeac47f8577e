"""Whatever is killed in the middle of what schedules start: nothing is lost, and nothing is done twice.

`make crash` runs the same with the full numbers.
"""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from domain.outcomes import Done
from domain.scheduled_email_dispatch import ScheduledEmailDispatchRequest
from domain.session_cleanup import SessionCleanupRequest
from tests.outbox.processes import FULL, running, said
from tests.scheduled_jobs.shop import Shop, becomes
from tests.worker.worker_process import WorkerProcess

pytestmark = pytest.mark.timeout(1800 if FULL else 180)

AT = datetime(2026, 3, 29, 3, tzinfo=UTC)


async def test_a_worker_killed_within_a_cleanup_and_a_dispatch_is_followed_by_one_that_goes_on(
    shop: Shop, environment: dict[str, str]
) -> None:
    mails, sessions = (5_000, 1_000_000) if FULL else (250, 4_500)
    await shop.add_mails(mails)
    await shop.add_mails(10, due="1 hour", address="later{}@example.com")
    await shop.add_sessions(sessions, "-1 day")
    await shop.add_sessions(10, "1 day")
    async with running(environment, "-m", "tests.scheduled_jobs.dying_worker") as killed:
        cleanup = await shop.jobs.start(SessionCleanupRequest(at=AT))
        await said(killed, "removed")
        dispatch = await shop.jobs.start(ScheduledEmailDispatchRequest(at=AT))
        await said(killed, "queued")
        killed.kill()
        await killed.wait()

    assert await shop.number("SELECT count(*) FROM sessions") == sessions + 10 - 2 * 2_000
    assert await shop.number("SELECT count(*) FROM outbox") == 2 * 100
    worker = await WorkerProcess.start(environment)
    try:
        outcomes = [await cleanup.result(), await dispatch.result()]
        await becomes(shop.unsent, 10)
    finally:
        await worker.end()

    assert all(isinstance(outcome, Done) for outcome in outcomes)
    assert await shop.number("SELECT count(*) FROM sessions") == 10
    assert shop.mails() == {f"customer{number}@example.com": 1 for number in range(1, mails + 1)}
    assert await shop.number("SELECT count(*) FROM scheduled_periods WHERE done_at IS NOT NULL") == 1


async def test_workers_killed_at_any_moment_lose_no_mail_and_double_no_more_than_were_on_their_way(
    shop: Shop, environment: dict[str, str]
) -> None:
    mails, kills, connections = (5_000, 10, 4) if FULL else (150, 1, 4)
    await shop.add_mails(mails)
    moments = iter(AT + n * timedelta(minutes=5) for n in range(kills + 1))
    for number in range(kills):
        # As its schedule does every five minutes: a dispatcher that was killed too often has failed by then.
        await shop.jobs.start(ScheduledEmailDispatchRequest(at=next(moments)))
        worker = await WorkerProcess.start(environment)
        accepted = len(shop.mail_server.mails)
        await becomes(partial(more_mails, shop, accepted))
        await asyncio.sleep(random.uniform(0, 2 if FULL else 0.2))  # noqa: S311  # no secret
        await worker.end()
        assert await shop.unsent() > 0, f"kill {number} came too late to tell anything"
    last = await shop.jobs.start(ScheduledEmailDispatchRequest(at=next(moments)))
    worker = await WorkerProcess.start(environment)
    try:
        assert isinstance(await last.result(), Done)
        await becomes(shop.unsent, 0)
    finally:
        await worker.end()

    arrived = shop.mails()
    assert arrived.keys() == {f"customer{number}@example.com" for number in range(1, mails + 1)}
    assert arrived.total() - mails <= kills * connections
    # What no protocol can settle comes again under its own Message-ID.
    messages = {(mail.recipients[0], mail.parsed["Message-ID"]) for mail in shop.mail_server.mails}
    assert len(messages) == mails


async def more_mails(shop: Shop, before: int) -> bool:
    return len(shop.mail_server.mails) > before
