"""How fast thousands of scheduled mails that are due become running jobs, against the same starts made directly.

In turns: the same number of jobs, in this process and over the same connection, with as many starts on the way at a
time as the relay's default batches have. The dispatch is the job that a schedule starts: from its start until the last
mail's job is started, by way of the outbox. The relay's limit of starts a second is set far up, or it is what would be
measured. No worker takes the mails' jobs: what their start costs is all that is compared.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from sqlalchemy import insert, select

from adapters.db.engine import make_engine
from adapters.db.scheduled_emails import SqlScheduledEmails
from adapters.db.scheduling_tables import scheduled_emails
from adapters.db.tables import customers
from benchmarks.ground import Ground
from benchmarks.outbox_relaying import AT_ONCE, DEFAULTS, NO_LIMIT, Counted
from benchmarks.scheduled_worker import maintenance_worker
from domain.scheduled_email import ScheduledEmailRequest
from domain.scheduled_email_dispatch import DueEmails, ScheduledEmailDispatchRequest
from starter import Jobs
from starter.relay import Relay
from starter.starting import start_workflow
from workflows.registry import registry

_CUSTOMER = 900_000_000
_moments = count(1)


async def measure(on: Ground, *, rounds: int, mails: int) -> dict[str, Any]:
    """Starts a second both ways. Raises RuntimeError where not every job was started once."""
    async with on.engine.begin() as connection:
        await connection.execute(insert(customers).values(id=_CUSTOMER, name="Ada", email="a@example.com", locale="en"))
    relay_engine = make_engine(on.database.model_copy(update={"connections": DEFAULTS.batches + 1}))
    box = Counted(relay_engine, on.database)
    directly: list[float] = []
    dispatched: list[float] = []
    numbers = count(1)
    try:
        async with maintenance_worker(on, {DueEmails: SqlScheduledEmails(on.engine)}):
            await _directly(on, [next(numbers) for _ in range(AT_ONCE)])
            await _dispatched(on, box, [next(numbers) for _ in range(AT_ONCE)])
            for turn in range(rounds):
                # Which comes first changes: the server gets slower with what it holds.
                for way in ("directly", "dispatched") if turn % 2 else ("dispatched", "directly"):
                    ids = [next(numbers) for _ in range(mails)]
                    if way == "directly":
                        directly.append(mails / await _directly(on, ids))
                    else:
                        dispatched.append(mails / await _dispatched(on, box, ids))
    finally:
        await relay_engine.dispose()
    await _all_there(on, 2 * AT_ONCE + 2 * rounds * mails)
    ratios = [round(d / s, 3) for d, s in zip(dispatched, directly, strict=True)]
    return {
        "mails": mails,
        "directly_per_second": round(statistics.median(directly)),
        "dispatched_per_second": round(statistics.median(dispatched)),
        "at_once": AT_ONCE,
        "ratio": statistics.median(ratios),
        "ratios": ratios,
    }


async def _directly(on: Ground, ids: Sequence[int]) -> float:
    """Seconds."""
    remaining = iter([ScheduledEmailRequest(email_id=i) for i in ids])
    kind = registry.get(ScheduledEmailRequest.kind)

    async def one_after_the_other() -> None:
        for request in remaining:
            await start_workflow(on.client, kind, request)

    began = time.perf_counter()
    await asyncio.gather(*(one_after_the_other() for _ in range(AT_ONCE)))
    return time.perf_counter() - began


async def _dispatched(on: Ground, box: Counted, ids: Sequence[int]) -> float:
    """Seconds from the start of the dispatcher's job; the mails are there before."""
    due = datetime.now(UTC) - timedelta(minutes=1)
    mail = {"customer_id": _CUSTOMER, "subject": "Your week", "text": "Hello", "due_at": due}
    async with on.engine.begin() as connection:
        await connection.execute(insert(scheduled_emails), [mail | {"id": i} for i in ids])
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
    running = asyncio.create_task(relay.run())
    moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=next(_moments))
    began = time.perf_counter()
    job = await Jobs(on.client).start(ScheduledEmailDispatchRequest(at=moment))
    async with asyncio.timeout(600):
        await empty.wait()
    took = time.perf_counter() - began
    await job.result()
    await relay.stop()
    await running
    async with on.engine.connect() as connection:
        if left := (await connection.execute(select(scheduled_emails.c.id).filter_by(queued_at=None))).all():
            raise RuntimeError(f"{len(left)} mails were not queued")
    return took


async def _all_there(on: Ground, number: int) -> None:
    found = 0
    for _ in range(200):  # visibility comes a moment later
        if (found := (await on.client.count_workflows("WorkflowType = 'ScheduledEmail'")).count) == number:
            return
        await asyncio.sleep(0.1)
    raise RuntimeError(f"{number} jobs were to be started, and {found} are there")
