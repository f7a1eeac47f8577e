"""When a step is given up because its time is over, on a real server whose workflows skip their waits."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from temporalio import workflow
from temporalio.client import Client

from domain.errors import RateLimited, ServiceUnavailable
from tests.fakes import FakeMail
from tests.workflows.confirming import BUSY, limited_to, run, times_of


@pytest.mark.parametrize("before", [0, 2], ids=["after the local try", "after a regular attempt"])
async def test_a_wait_past_the_deadline_fails_now_and_says_so(skipping: Client, before: int) -> None:
    mail = FakeMail(*[ServiceUnavailable(BUSY)] * before, RateLimited("429", retry_after=timedelta(hours=1)))

    handle, history = await run(skipping, mail)

    status = await handle.status()
    assert times_of(mail) == before + 1
    assert status.error_type == "RateLimited"
    assert f"Given up after {before + 1} of 4 attempts: the next wait of 3600 s would pass the deadline" in str(
        status.message
    )
    first, last = history.events[0].event_time.ToDatetime(), history.events[-1].event_time.ToDatetime()
    assert last - first < timedelta(minutes=15)


async def test_the_deadline_counts_from_the_first_attempt_not_from_each(skipping: Client) -> None:
    asked = timedelta(minutes=6)
    mail = FakeMail(*[RateLimited("429", retry_after=asked) for _ in range(3)])

    handle, _ = await run(skipping, mail)

    # Twice six minutes fit into fifteen; a third time does not.
    assert times_of(mail) == 3
    assert "Given up after 3 of 4 attempts" in str((await handle.status()).message)


async def test_an_attempt_that_does_not_end_in_time_is_stopped_before_the_next_begins(
    skipping: Client,
) -> None:
    at_work, most = 0, 0

    async def hang() -> None:
        nonlocal at_work, most
        at_work += 1
        most = max(most, at_work)
        try:
            await asyncio.sleep(60)
        finally:
            at_work -= 1

    mail = FakeMail(*[hang] * 4)

    handle, _ = await run(skipping, mail, limited_to(timedelta(seconds=1)))

    status = await handle.status()
    assert (times_of(mail), most, at_work) == (4, 1, 0)
    assert status.error_type == "AttemptTimedOut"
    assert "did not end within its time limit. That was the last of 4 attempts." in str(status.message)


async def test_a_wait_that_ends_after_the_deadline_because_no_worker_was_there_fails_and_says_so(
    skipping: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_time = workflow.sleep

    async def late(wait: timedelta, *, summary: str) -> None:
        await on_time(wait + timedelta(hours=1), summary=summary)

    monkeypatch.setattr(workflow, "sleep", late)
    mail = FakeMail(ServiceUnavailable(BUSY))

    handle, _ = await run(skipping, mail)

    status = await handle.status()
    assert times_of(mail) == 1
    assert (status.state, status.error_type) == ("failed", "ServiceUnavailable")
    assert "The deadline of 0:15:00 for this step passed while it waited for attempt 2 of 4." in str(status.message)
