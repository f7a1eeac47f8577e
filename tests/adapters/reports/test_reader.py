from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import asyncpg
import pytest

from adapters.reports.database import APPLICATION, COPYING, Reader
from adapters.reports.storage import ReportStorage, Sink, part_key
from adapters.settings import DatabaseSettings
from domain.errors import Gone, InvalidRequest, NetworkTimeout, TransientError
from tests.adapters.reports.conftest import MakerOf, get
from tests.adapters.reports.shop import Shop, export_of, nothing

ENDLESS = "SELECT generate_series(1, 1000000000000), repeat('x', 1000)"
SLEEPS = "SELECT pg_sleep(600)"


async def _ignored(_: bytes) -> None:
    """Where the rows don't matter."""


async def _wait_until(connection: asyncpg.Connection, condition: str) -> None:
    """Until this is so of the reports' connections to this database."""
    query = f"SELECT {condition} FROM pg_stat_activity WHERE datname = current_database() AND application_name = $1"  # noqa: S608
    async with asyncio.timeout(60):
        while not await connection.fetchval(query, APPLICATION):  # noqa: ASYNC110  # PostgreSQL tells of no event
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("query", [ENDLESS, SLEEPS])
async def test_the_database_stops_reading_when_the_attempt_is_cancelled(query: str, reader: Reader, shop: Shop) -> None:
    reading = asyncio.create_task(reader.copy(query, taken=_ignored))
    await _wait_until(shop.connection, "bool_or(state = 'active' AND query LIKE 'COPY%')")

    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading

    await _wait_until(shop.connection, "count(*) = 0")


async def test_the_database_stops_reading_when_the_attempt_is_cancelled_while_rows_are_stored(
    reader: Reader, shop: Shop
) -> None:
    storing = asyncio.Event()

    async def taken(_: bytes) -> None:
        storing.set()
        await asyncio.Event().wait()

    reading = asyncio.create_task(reader.copy(ENDLESS, taken=taken))
    await storing.wait()

    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading

    await _wait_until(shop.connection, "count(*) = 0")


@dataclass
class _Held:
    """A storage that stands still at its first piece until it is let go."""

    storage: ReportStorage
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    go: asyncio.Event = field(default_factory=asyncio.Event)

    @asynccontextmanager
    async def writing(self, key: str) -> AsyncIterator[Sink]:
        async with self.storage.writing(key) as sink:
            self._sink = sink
            yield self

    async def write(self, piece: bytes | memoryview) -> None:
        self.reached.set()
        await self.go.wait()
        await self._sink.write(piece)

    def __getattr__(self, name: str) -> object:
        return getattr(self.storage, name)


@pytest.mark.parametrize("form", ["csv", "parquet"])
async def test_a_connection_that_breaks_within_a_part_leaves_no_part(
    form: str, maker_of: MakerOf, folder: ReportStorage, shop: Shop
) -> None:
    order = await shop.order(datetime(2026, 3, 1, tzinfo=UTC))
    # More than what the system keeps of a connection that nobody reads.
    await shop.connection.execute(
        "INSERT INTO order_items SELECT $1, n, repeat('x', 10000), 1, 1 FROM generate_series(2, 8000) AS n", order
    )
    held = _Held(folder)
    maker, report = maker_of(100_000, held), export_of(form)
    (piece,) = await maker.plan(report)

    writing = asyncio.create_task(maker.write_part(report, 0, piece, nothing))
    await held.reached.wait()
    ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1"
    assert await shop.connection.fetchval(ended, APPLICATION)
    held.go.set()
    with pytest.raises(TransientError):
        await writing

    with pytest.raises(Gone):
        await get(folder, part_key(report.id, 0))
    assert await maker.write_part(report, 0, piece, nothing) == 8000


async def test_a_database_that_sends_nothing_is_given_up(settings: DatabaseSettings, shop: Shop) -> None:
    reader = Reader(settings, COPYING, connections=1, stall=0.3)

    with pytest.raises(NetworkTimeout, match=r"nothing for 0\.3 s"):
        await reader.copy(SLEEPS, taken=_ignored)

    await _wait_until(shop.connection, "count(*) = 0")


async def test_a_storage_that_is_slow_is_not_taken_for_a_database_that_stalls(settings: DatabaseSettings) -> None:
    reader = Reader(settings, COPYING, connections=1, stall=1)
    sizes: list[int] = []

    async def taken(block: bytes) -> None:
        sizes.append(len(block))
        if len(sizes) == 1:
            await asyncio.sleep(1.2)

    await reader.copy("SELECT repeat('x', 1000) FROM generate_series(1, 2500)", taken=taken)

    # How many blocks it comes in depends on how fast PostgreSQL sends it.
    assert len(sizes) > 1
    assert sum(sizes) == 2500 * len("x" * 1000 + "\n")


async def test_a_time_zone_that_the_database_does_not_know_is_refused(reader: Reader) -> None:
    with pytest.raises(InvalidRequest, match="does not know the time zone Mars/Olympus"):
        async with reader.snapshot("Mars/Olympus"):
            pass


async def test_no_more_connections_are_open_than_wanted(settings: DatabaseSettings, shop: Shop) -> None:
    reader = Reader(settings, COPYING, connections=2)
    readings = [asyncio.create_task(reader.copy(SLEEPS, taken=_ignored)) for _ in range(3)]
    await _wait_until(shop.connection, "count(*) FILTER (WHERE state = 'active') = 2")

    readings[0].cancel()
    await asyncio.wait([readings[0]])
    await _wait_until(shop.connection, "count(*) FILTER (WHERE state = 'active') = 2")

    for reading in readings:
        reading.cancel()
    await asyncio.wait(readings)
