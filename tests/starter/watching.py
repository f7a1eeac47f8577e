"""A worker that heeds pauses, as `worker.py` makes it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

from temporalio.client import Client

from starter.pause_watch import PauseWatch
from tests.fakes import FakeMail
from tests.starter.serving import serve
from workflows.pausing import pauses_of


@asynccontextmanager
async def watch(client: Client, *order_ids: int, mail: FakeMail) -> AsyncIterator[None]:
    """Serve the queue in a process that has just started; in the end it forgets what it knew."""
    pauses_of(client).replace({})
    watching = PauseWatch(client, every=timedelta(milliseconds=50))
    await watching.begin()
    async with serve(client, *order_ids, mail=mail):
        keeping_up = asyncio.create_task(watching.keep_up())
        try:
            yield
        finally:
            keeping_up.cancel()
            await asyncio.wait([keeping_up])
    pauses_of(client).replace({})


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Return when the condition holds: of visibility, which lags, and tells nobody by itself."""
    async with asyncio.timeout(30):
        while not await condition():  # noqa: ASYNC110  # see above
            await asyncio.sleep(0.05)
