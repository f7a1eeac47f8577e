"""How fast the relay empties the outbox, against the same starts made directly.

In turns: the same number of jobs, in this process and over the same connection, with as many starts on the way at a
time as the relay's default batches have. The relay's limit of starts a second is set far up, or it is what would be
measured. No worker takes the jobs: what a start costs is all that is compared.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from adapters.db.engine import make_engine
from adapters.db.outbox_relay import SqlOutbox
from adapters.settings import OutboxSettings
from benchmarks.ground import Ground
from domain.order_confirmation import OrderConfirmationRequest
from domain.outbox import Batch
from starter import outbox
from starter.relay import Relay
from starter.starting import start_workflow
from workflows.registry import registry

NO_LIMIT = 1_000_000
"""Starts a second."""

DEFAULTS = OutboxSettings.model_construct()  # whatever OUTBOX_* variables say
AT_ONCE = DEFAULTS.batches * DEFAULTS.batch


class Counted(SqlOutbox):
    """Tells when so many entries were started and taken off, without asking PostgreSQL beside what is measured."""

    left = 0

    def await_empty(self, entries: int) -> asyncio.Event:
        """Count from now on."""
        self.left = entries
        self.empty = asyncio.Event()
        return self.empty

    @asynccontextmanager
    async def take(self, limit: int, **which: Any) -> AsyncIterator[Batch]:
        """As it is, then count what was committed."""
        async with super().take(limit, **which) as batch:
            yield batch
        self.left -= len(batch.started)
        if not self.left:
            self.empty.set()


async def measure(on: Ground, *, rounds: int, jobs: int) -> dict[str, Any]:
    """Starts a second both ways. Raises RuntimeError where not every job was started."""
    before = await _runs(on)
    relay_engine = make_engine(on.database.model_copy(update={"connections": DEFAULTS.batches + 1}))
    box = Counted(relay_engine, on.database)
    directly: list[float] = []
    relayed: list[float] = []
    try:
        await _directly(on, on.orders.new_ids(AT_ONCE))
        await _relayed(on, box, on.orders.new_ids(AT_ONCE))
        for turn in range(rounds):
            # Which comes first changes: the server gets slower with what it holds.
            for way in ("directly", "relayed") if turn % 2 else ("relayed", "directly"):
                ids = on.orders.new_ids(jobs)
                if way == "directly":
                    directly.append(jobs / await _directly(on, ids))
                else:
                    relayed.append(jobs / await _relayed(on, box, ids))
    finally:
        await relay_engine.dispose()
    await _all_there(on, before + 2 * AT_ONCE + 2 * rounds * jobs)
    return {
        "directly_per_second": round(statistics.median(directly)),
        "relayed_per_second": round(statistics.median(relayed)),
        "at_once": AT_ONCE,
        "ratio": round(statistics.median(r / d for r, d in zip(relayed, directly, strict=True)), 3),
        "ratios": [round(r / d, 3) for r, d in zip(relayed, directly, strict=True)],
    }


async def _directly(on: Ground, ids: Sequence[int]) -> float:
    """Seconds."""
    remaining = iter([OrderConfirmationRequest(order_id=i) for i in ids])
    kind = registry.get(OrderConfirmationRequest.kind)

    async def one_after_the_other() -> None:
        for request in remaining:
            await start_workflow(on.client, kind, request)

    began = time.perf_counter()
    await asyncio.gather(*(one_after_the_other() for _ in range(AT_ONCE)))
    return time.perf_counter() - began


async def _relayed(on: Ground, box: Counted, ids: Sequence[int]) -> float:
    """Seconds from the relay's start until the outbox is empty; the jobs are there before."""
    async with AsyncSession(on.engine) as session:
        outbox.enqueue_all(session, (OrderConfirmationRequest(order_id=i) for i in ids))
        await session.commit()
    relay = Relay(
        box,
        on.client,
        registry,
        batches=DEFAULTS.batches,
        batch=DEFAULTS.batch,
        rate=NO_LIMIT,
        patience=timedelta(),  # no worker's relay is waited for
    )
    empty = box.await_empty(len(ids))
    began = time.perf_counter()
    running = asyncio.create_task(relay.run())
    async with asyncio.timeout(300):
        await empty.wait()
    took = time.perf_counter() - began
    await relay.stop()
    await running
    return took


async def _runs(on: Ground) -> int:
    return (await on.client.count_workflows("WorkflowType = 'OrderConfirmation'")).count


async def _all_there(on: Ground, number: int) -> None:
    for _ in range(200):  # visibility comes a moment later
        if (found := await _runs(on)) == number:
            return
        await asyncio.sleep(0.1)
    raise RuntimeError(f"{number} jobs were to be started, and {found} are there")
