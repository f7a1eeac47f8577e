"""How fast a million expired sessions are removed, and how long those who use the sessions wait for it.

Meanwhile a reader looks sessions up, and a writer prolongs some, expired ones too, and adds new ones, both without a
pause. How long a statement waits for a lock PostgreSQL tells itself (`pg_locks.waitstart`), which is asked every few
milliseconds. How long a whole statement takes is told too, with and without the cleanup: on a machine that all share,
that is mostly the wait for a processor.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import asyncpg

from adapters.db.scheduled_jobs import SqlPeriodLedger, SqlSessions
from benchmarks.ground import Ground
from benchmarks.measuring import quantile
from domain.outcomes import Done
from domain.scheduling import PeriodLedger
from domain.session_cleanup import SessionCleanupRequest, Sessions
from starter import Jobs

_ADD = """
    INSERT INTO sessions (id, created_at, expires_at)
    SELECT $1 || n, now() - interval '8 days', now() + $2 * (interval '1 hour' + random() * interval '7 days')
    FROM generate_series(1, $3::int) n
"""
_WAITS = """
    SELECT application_name, extract(epoch FROM max(clock_timestamp() - waitstart)) * 1000 FROM pg_locks
    JOIN pg_stat_activity USING (pid) WHERE NOT granted AND waitstart IS NOT NULL GROUP BY 1
"""
_SAMPLED_EVERY = 0.002


async def measure(on: Ground, *, expired: int, valid: int, alone: float) -> dict[str, Any]:
    """Figures of one cleanup, and of `alone` seconds without it.

    Raises RuntimeError where what is left is not what it is to be.
    """
    dsn = on.database.url.get_secret_value()
    setting_up = await asyncpg.connect(dsn)
    await setting_up.execute(_ADD, "expired-", -1.0, expired, timeout=600)
    await setting_up.execute(_ADD, "valid-", 1.0, valid, timeout=600)
    await setting_up.execute("VACUUM ANALYZE sessions", timeout=600)
    without = await _used(dsn, expired, valid, asyncio.create_task(asyncio.sleep(alone)))
    ports: dict[type, object] = {Sessions: SqlSessions(on.engine), PeriodLedger: SqlPeriodLedger(on.engine)}
    async with on.maintenance_worker(ports):
        began = time.perf_counter()
        job = await Jobs(on.client).start(SessionCleanupRequest(at=datetime(2026, 1, 1, tzinfo=UTC)))
        meanwhile = await _used(dsn, expired, valid, asyncio.create_task(job.result()))
        took = time.perf_counter() - began
        outcome = await job.result()
    left = await setting_up.fetchval("SELECT count(*) FROM sessions WHERE id LIKE 'valid-%'")
    expired_left = await setting_up.fetchval("SELECT count(*) FROM sessions WHERE expires_at <= now()")
    await setting_up.close()
    if (left, expired_left) != (valid, 0) or not isinstance(outcome, Done):
        raise RuntimeError(f"{left} of {valid} valid sessions are left, and {expired_left} expired ones: {outcome}")
    # The writer has prolonged some.
    removed = int(str(outcome.reference).removeprefix("removed "))
    return {
        "removed": removed,
        "seconds": round(took, 1),
        "removed_per_second": round(removed / took),
        "alone": without,
        "meanwhile": meanwhile,
    }


async def _used(dsn: str, expired: int, valid: int, until: asyncio.Task[Any]) -> dict[str, Any]:
    """Use the sessions until a task has ended; what that was like."""
    reads: list[float] = []
    writes: list[float] = []
    waits = {"reader": 0.0, "writer": 0.0}

    def any_session() -> str:
        kind, number = random.choice((("expired-", expired), ("valid-", valid)))  # noqa: S311  # no secret
        return f"{kind}{random.randint(1, number)}"  # noqa: S311  # the same

    async def use(name: str, took: list[float], statements: Callable[[], tuple[str, str]]) -> None:
        connection = await asyncpg.connect(dsn, server_settings={"application_name": name})
        while not until.done():
            statement, session = statements()
            began = time.perf_counter()
            await connection.execute(statement, session)
            took.append((time.perf_counter() - began) * 1000)
        await connection.close()

    async def look() -> None:
        connection = await asyncpg.connect(dsn, server_settings={"application_name": "looking"})
        while not until.done():
            for name, waited in await connection.fetch(_WAITS):
                if name in waits:
                    waits[name] = max(waits[name], float(waited))
            await asyncio.sleep(_SAMPLED_EVERY)
        await connection.close()

    new = iter(range(10**9))
    prefix = f"new-{time.time_ns()}-"

    def write() -> tuple[str, str]:
        if random.random() < 0.2:  # noqa: S311  # no secret
            return "INSERT INTO sessions (id, expires_at) VALUES ($1, now() + interval '1 day')", f"{prefix}{next(new)}"
        return (
            "UPDATE sessions SET expires_at = greatest(expires_at, now()) + interval '1 day' WHERE id = $1",
            any_session(),
        )

    def read() -> tuple[str, str]:
        return "SELECT customer_id FROM sessions WHERE id = $1 AND expires_at > now()", any_session()

    await asyncio.gather(use("reader", reads, read), use("writer", writes, write), look())
    return {
        "reads": len(reads),
        "writes": len(writes),
        "reader_longest_lock_wait_ms": round(waits["reader"], 1),
        "writer_longest_lock_wait_ms": round(waits["writer"], 1),
        **{
            f"{name}_{label}_ms": round(quantile(took, share), 1)
            for name, took in (("read", reads), ("write", writes))
            for label, share in (("p50", 0.5), ("p99", 0.99), ("longest", 1.0))
        },
    }
