"""Expired sessions are removed, and no others."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.db.scheduled_jobs import SqlSessions

_ADD = "INSERT INTO sessions (id, expires_at) SELECT $1 || n, now() + $2::text::interval FROM generate_series(1, $3) n"


@pytest.fixture
def sessions(engine: AsyncEngine) -> SqlSessions:
    return SqlSessions(engine)


@pytest.fixture(autouse=True)
async def empty(direct: asyncpg.Connection) -> None:
    await direct.execute("TRUNCATE sessions")


async def left(direct: asyncpg.Connection) -> list[str]:
    return [row["id"] for row in await direct.fetch("SELECT id FROM sessions ORDER BY id")]


async def test_expired_sessions_are_removed_oldest_first_so_many_at_a_time(
    sessions: SqlSessions, direct: asyncpg.Connection
) -> None:
    await direct.execute(_ADD, "valid-", "1 minute", 2)
    await direct.execute(_ADD, "yesterday-", "-1 day", 2)
    await direct.execute(_ADD, "last-week-", "-7 days", 3)

    assert await sessions.remove_expired(3) == 3
    assert await left(direct) == ["valid-1", "valid-2", "yesterday-1", "yesterday-2"]
    assert [await sessions.remove_expired(3), await sessions.remove_expired(3)] == [2, 0]
    assert await left(direct) == ["valid-1", "valid-2"]


async def test_a_session_that_is_being_prolonged_is_waited_for_by_nobody_and_stays(
    sessions: SqlSessions, direct: asyncpg.Connection
) -> None:
    await direct.execute(_ADD, "expired-", "-1 second", 3)
    async with direct.transaction():
        await direct.execute("UPDATE sessions SET expires_at = now() + interval '1 day' WHERE id = 'expired-2'")
        assert await asyncio.wait_for(sessions.remove_expired(10), 5) == 2
    assert await sessions.remove_expired(10) == 0
    assert await left(direct) == ["expired-2"]
