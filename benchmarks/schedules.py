"""What schedules start: `python -m benchmarks.schedules`.

How fast thousands of mails that are due at once become running jobs, against starting the same jobs directly. The
dispatch of mails is the job that a schedule starts: from its start until the last mail's job is started, by way of the
outbox.
"""

from __future__ import annotations

import statistics
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select

from adapters.db.scheduled_jobs import SqlScheduledEmails
from adapters.db.scheduling_tables import scheduled_emails
from adapters.db.tables import customers
from benchmarks import relaying
from benchmarks.ground import Ground, ground
from benchmarks.measuring import main
from domain.scheduled_email import ScheduledEmailRequest
from domain.scheduled_email_dispatch import DueEmails, ScheduledEmailDispatchRequest
from starter import Jobs

_CUSTOMER = 900_000_000
TARGETS = {"dispatched_to_directly": 0.8}


@dataclass(frozen=True)
class Extent:
    """How much is measured."""

    rounds: int
    mails: int


FULL = Extent(rounds=3, mails=5_000)
QUICK = Extent(rounds=1, mails=200)


async def run(extent: Extent, folder: Path) -> dict[str, Any]:
    """Measure; returns the figures."""
    async with ground(folder) as on:
        mails = await _mails(on, rounds=extent.rounds, mails=extent.mails)
    return {"scheduled_mails": mails, "targets": TARGETS, "ok": mails["ratio"] >= TARGETS["dispatched_to_directly"]}


async def _mails(on: Ground, *, rounds: int, mails: int) -> dict[str, Any]:
    """Starts per second both ways. Raises RuntimeError if not every mail was queued."""
    moments = count(1)
    async with on.engine.begin() as connection:
        await connection.execute(insert(customers).values(id=_CUSTOMER, name="Ada", email="a@example.com", locale="en"))

    async def add(ids: Sequence[int]) -> None:
        due = datetime.now(UTC) - timedelta(minutes=1)
        mail = {"customer_id": _CUSTOMER, "subject": "Your week", "text": "Hello", "due_at": due}
        async with on.engine.begin() as connection:
            await connection.execute(insert(scheduled_emails), [mail | {"id": i} for i in ids])

    async def dispatch() -> Awaitable[Any]:
        moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=next(moments))
        return (await Jobs(on.client).start(ScheduledEmailDispatchRequest(at=moment))).result()

    async with on.maintenance_worker({DueEmails: SqlScheduledEmails(on.engine)}):
        directly, dispatched = await relaying.compare(
            on, lambda number: ScheduledEmailRequest(email_id=number), add, dispatch, rounds=rounds, jobs=mails
        )
    async with on.engine.connect() as connection:
        if left := (await connection.execute(select(scheduled_emails.c.id).filter_by(queued_at=None))).all():
            raise RuntimeError(f"{len(left)} mails were not queued")
    return {
        "mails": mails,
        "directly_per_second": round(statistics.median(directly)),
        "dispatched_per_second": round(statistics.median(dispatched)),
        **relaying.ratios_of(directly, dispatched),
    }


if __name__ == "__main__":
    main(__doc__, run, full=FULL, quick=QUICK)
