"""Entries that an operator changes while others work on them. `tests/starter/test_cli_outbox.py` has the rest."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.db.outbox_entries import OutboxEntries
from domain.errors import NetworkTimeout

_ADD = """
INSERT INTO outbox (kind, payload, job_id, attempts, refused_at, retry_at, error_type, error)
VALUES ($1, '{"order_id": 1}', $1 || '/1', 3, CASE $2 WHEN 'refused' THEN now() END,
        CASE $2 WHEN 'put-off' THEN now() + interval '1 h' END,
        CASE WHEN $2 <> 'waiting' THEN 'NotSetUp' END, CASE WHEN $2 <> 'waiting' THEN 'told' END)
RETURNING id
"""


@pytest.fixture
def entries(engine: AsyncEngine) -> OutboxEntries:
    return OutboxEntries(engine)


@pytest.fixture(autouse=True)
async def _empty(direct: asyncpg.Connection) -> None:
    await direct.execute("DELETE FROM outbox")


async def _add(direct: asyncpg.Connection, state: str, kind: str = "export") -> int:
    entry: int = await direct.fetchval(_ADD, kind, state)
    return entry


async def test_a_retry_wakes_the_relay(entries: OutboxEntries, direct: asyncpg.Connection) -> None:
    heard = asyncio.Event()
    await direct.add_listener("jobs_outbox", lambda *_: heard.set())
    refused, put_off = await _add(direct, "refused"), await _add(direct, "put-off")
    other = await _add(direct, "refused", "import")
    heard.clear()

    assert [entry.id for entry in (await entries.retry_all("export")).changed] == [refused, put_off]
    async with asyncio.timeout(20):
        await heard.wait()
    assert [entry.id for entry in (await entries.retry_all()).changed] == [other]
    assert (await entries.retry_all()).changed == []


async def test_what_a_relay_is_starting_is_left_to_it(
    entries: OutboxEntries, direct: asyncpg.Connection, database_url: str
) -> None:
    taken, free = await _add(direct, "put-off"), await _add(direct, "put-off")
    relay = await asyncpg.connect(database_url)
    async with relay.transaction():
        await relay.execute("SELECT FROM outbox WHERE id = $1 FOR UPDATE", taken)

        discarded = await entries.discard([taken])
        retried = await entries.retry([taken, free])

    await relay.close()
    assert (discarded.changed, discarded.busy) == ([], [taken])
    assert ([entry.id for entry in retried.changed], retried.busy) == ([free], [taken])


async def test_a_table_that_others_have_locked_is_a_transient_trouble(
    engine_to: type, direct: asyncpg.Connection, database_url: str
) -> None:
    entry = await _add(direct, "refused")
    entries = OutboxEntries(engine_to(database_url, command_timeout=0.5))
    async with direct.transaction():
        await direct.execute("LOCK TABLE outbox")
        with pytest.raises(NetworkTimeout):
            await entries.discard([entry])

    assert [found.id for found in await entries.oldest(limit=9)] == [entry]
