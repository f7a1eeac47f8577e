"""Starts by way of the outbox against the same starts made directly, in turns, in this process and on one connection.

There are as many starts on the way at a time as the relay's default batches have. The relay's limit of starts per
second is set far up, or it is what would be measured. No worker takes the jobs: only the cost of a start is compared.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import count
from typing import Any

from adapters.db.engine import make_engine
from adapters.db.outbox_relay import SqlOutbox
from adapters.settings import OutboxSettings
from benchmarks.ground import Ground
from domain.outbox import Batch
from domain.requests import JobRequest
from starter.relay import Relay
from starter.starting import start_workflow
from workflows.registry import registry

_NO_LIMIT = 1_000_000
_DEFAULTS = OutboxSettings.model_construct()  # whatever OUTBOX_* variables say
AT_ONCE = _DEFAULTS.batches * _DEFAULTS.batch


class _Counted(SqlOutbox):
    """Notes when this many entries were started and removed, without asking PostgreSQL beside what is measured."""

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


async def compare(
    on: Ground,
    request: Callable[[int], JobRequest],
    prepare: Callable[[Sequence[int]], Awaitable[None]],
    begin: Callable[[], Awaitable[Awaitable[Any] | None]],
    *,
    rounds: int,
    jobs: int,
) -> tuple[list[float], list[float]]:
    """Starts per second, directly and relayed, an entry a round.

    `prepare` is called before the clock starts, `begin` right after: it has the jobs of these ids enqueued, if they
    are not yet, and may return what is to be awaited at the end. Raises RuntimeError if not every job was started once.
    """
    kind = registry.get(request(1).kind)
    numbers = count(1_000_000)
    engine = make_engine(on.database.model_copy(update={"connections": _DEFAULTS.batches + 1}))
    box = _Counted(engine, on.database)

    async def directly(ids: Sequence[int]) -> float:
        remaining = iter([request(number) for number in ids])

        async def one_after_the_other() -> None:
            for each in remaining:
                await start_workflow(on.client, kind, each)

        began = time.perf_counter()
        await asyncio.gather(*(one_after_the_other() for _ in range(AT_ONCE)))
        return time.perf_counter() - began

    async def relayed(ids: Sequence[int]) -> float:
        await prepare(ids)
        relay = Relay(
            box,
            on.client,
            registry,
            batches=_DEFAULTS.batches,
            batch=_DEFAULTS.batch,
            rate=_NO_LIMIT,
            patience=timedelta(),  # no worker's relay is waited for
        )
        empty = box.await_empty(len(ids))
        began = time.perf_counter()
        running = asyncio.create_task(relay.run())
        begun = await begin()
        async with asyncio.timeout(600):
            await empty.wait()
        took = time.perf_counter() - began
        if begun is not None:
            await begun
        await relay.stop()
        await running
        return took

    there = f"WorkflowType = '{kind.workflow_type}'"
    wanted = (await on.client.count_workflows(there)).count + 2 * AT_ONCE + 2 * rounds * jobs
    rates: dict[str, list[float]] = {"directly": [], "relayed": []}
    try:
        for way in (directly, relayed):  # warm up
            await way([next(numbers) for _ in range(AT_ONCE)])
        for turn in range(rounds):
            # Which comes first changes: the server gets slower with what it holds.
            for way in (directly, relayed) if turn % 2 else (relayed, directly):
                ids = [next(numbers) for _ in range(jobs)]
                rates[way.__name__].append(jobs / await way(ids))
    finally:
        await engine.dispose()
    found = 0
    for _ in range(200):  # visibility comes a moment later
        if (found := (await on.client.count_workflows(there)).count) == wanted:
            return rates["directly"], rates["relayed"]
        await asyncio.sleep(0.1)
    raise RuntimeError(f"{wanted} jobs were to be started, and {found} are there")


def ratios_of(directly: list[float], relayed: list[float]) -> dict[str, Any]:
    """The figures of the comparison."""
    ratios = [r / d for r, d in zip(relayed, directly, strict=True)]
    return {
        "at_once": AT_ONCE,
        "ratio": round(statistics.median(ratios), 3),
        "ratios": [round(ratio, 3) for ratio in ratios],
    }
