"""Looking at the outbox's entries, letting them be tried again, and dropping them."""

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


async def _due(direct: asyncpg.Connection) -> list[int]:
    rows = await direct.fetch(
        "SELECT id FROM outbox WHERE num_nulls(refused_at, retry_at, error_type, error) = 4 ORDER BY id"
    )
    return [row[0] for row in rows]


async def test_the_oldest_come_first_and_may_be_chosen_by_refusal_and_kind(
    entries: OutboxEntries, direct: asyncpg.Connection
) -> None:
    waiting, refused = await _add(direct, "waiting"), await _add(direct, "refused")
    put_off, other = await _add(direct, "put-off"), await _add(direct, "refused", "import")

    assert [entry.id for entry in await entries.oldest(limit=9)] == [waiting, refused, put_off, other]
    assert [entry.id for entry in await entries.oldest(limit=2)] == [waiting, refused]
    assert [entry.id for entry in await entries.oldest(limit=9, refused=True)] == [refused, other]
    assert [entry.id for entry in await entries.oldest(limit=9, kind="import")] == [other]
    [found] = await entries.oldest(limit=9, refused=True, kind="export")
    assert (found.kind, found.payload, found.job_id, found.attempts, found.error_type, found.error) == (
        *("export", '{"order_id": 1}', "export/1", 3, "NotSetUp", "told"),
    )
    assert [entry.troubled for entry in await entries.named([waiting, put_off, refused])] == [False, True, True]


async def test_a_retry_makes_entries_due_again_and_wakes_the_relay(
    entries: OutboxEntries, direct: asyncpg.Connection
) -> None:
    heard = asyncio.Event()
    await direct.add_listener("jobs_outbox", lambda *_: heard.set())
    refused, put_off = await _add(direct, "refused"), await _add(direct, "put-off")
    waiting, left = await _add(direct, "waiting"), await _add(direct, "refused")
    heard.clear()

    found = await entries.retry([refused, put_off, waiting, 2**62])

    assert [entry.id for entry in found.changed] == [refused, put_off]
    assert (found.untroubled, found.busy, found.gone) == ([waiting], [], [2**62])
    assert await _due(direct) == [refused, put_off, waiting]
    assert [entry.id for entry in await entries.oldest(limit=9, refused=True)] == [left]
    async with asyncio.timeout(20):
        await heard.wait()


async def test_all_entries_or_those_of_a_kind_are_made_due_again(
    entries: OutboxEntries, direct: asyncpg.Connection
) -> None:
    first, second = await _add(direct, "refused"), await _add(direct, "put-off")
    other = await _add(direct, "refused", "import")

    assert [entry.id for entry in (await entries.retry_all("export")).changed] == [first, second]
    assert await _due(direct) == [first, second]
    assert [entry.id for entry in (await entries.retry_all()).changed] == [other]
    assert (await entries.retry_all()).changed == []


async def test_only_what_was_refused_or_put_off_is_discarded(
    entries: OutboxEntries, direct: asyncpg.Connection
) -> None:
    refused, put_off, waiting = [await _add(direct, state) for state in ("refused", "put-off", "waiting")]

    found = await entries.discard([refused, put_off, waiting, 2**62])

    assert [entry.id for entry in found.changed] == [refused, put_off]
    assert (found.untroubled, found.busy, found.gone) == ([waiting], [], [2**62])
    assert [entry.id for entry in await entries.oldest(limit=9)] == [waiting]


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
