"""Kept connections, restarts of the server, and the probe."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import asyncpg
import pytest
from sqlalchemy import func, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.db import migrate
from adapters.db.deliveries import SqlDeliveryLedger
from adapters.db.engine import probe
from adapters.db.orders import SqlOrders
from adapters.db.schema import VERSION_TABLE
from adapters.db.tables import deliveries
from demo.ports import free_port
from demo.postgres import Postgres
from domain.errors import ConnectionBroken, InvalidRequest, NetworkTimeout, ServiceUnavailable, TransientError
from domain.orders import Order
from tests.locks import WAITING_FOR_LOCKS

DatabaseMaker = Callable[[str], Awaitable[str]]
EngineMaker = Callable[..., AsyncEngine]

_OTHERS = (
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name = 'durable-jobs'"
)


async def _fill_pool(orders: SqlOrders) -> None:
    await asyncio.gather(*(orders.get(1) for _ in range(20)))


async def _wait_until_someone_waits(direct: asyncpg.Connection) -> None:
    while not await direct.fetchval(WAITING_FOR_LOCKS):  # noqa: ASYNC110  PostgreSQL has no event for it
        await asyncio.sleep(0.01)


async def test_kept_connections_that_were_killed_fail_no_call(
    engine: AsyncEngine, direct: asyncpg.Connection, order: Order
) -> None:
    orders, ledger = SqlOrders(engine), SqlDeliveryLedger(engine)
    await orders.add_all([order])
    for _ in range(5):
        await _fill_pool(orders)
        assert await direct.fetchval(_OTHERS) > 1
        # At once: the driver has not read of the end of all of them yet.
        await asyncio.gather(*(orders.get(order.id) for _ in range(20)))
    await _fill_pool(orders)
    await direct.fetchval(_OTHERS)
    assert await ledger.claim(f"killed/{order.id}") is True
    await direct.fetchval(_OTHERS)
    await ledger.record(f"killed/{order.id}", "250 ok")
    await direct.fetchval(_OTHERS)
    assert await orders.mark_confirmed(order.id) is True
    await direct.fetchval(_OTHERS)
    confirmed = await orders.get(order.id)
    assert confirmed is not None
    assert confirmed.confirmation_sent_at is not None


async def test_a_connection_that_dies_under_a_statement_is_replaced_and_the_statement_run_again(
    engine: AsyncEngine, direct: asyncpg.Connection, order: Order
) -> None:
    orders = SqlOrders(engine)
    await orders.add_all([order])
    async with direct.transaction():
        await direct.execute("SELECT FROM orders WHERE id = $1 FOR UPDATE", order.id)
        marking = asyncio.create_task(orders.mark_confirmed(order.id))
        await _wait_until_someone_waits(direct)
        await direct.fetchval(_OTHERS)
    assert await marking is True


async def test_a_crash_of_the_server_fails_no_later_call_and_loses_no_recorded_answer(
    postgres: Postgres, engine: AsyncEngine, order: Order
) -> None:
    orders, ledger = SqlOrders(engine), SqlDeliveryLedger(engine)
    await orders.add_all([order])
    await ledger.record(f"crash/{order.id}", "250 ok")
    await _fill_pool(orders)
    await asyncio.to_thread(postgres.kill)
    try:
        with pytest.raises(ConnectionBroken, match="ECONNREFUSED"):
            await orders.get(order.id)
    finally:
        await asyncio.to_thread(postgres.start)
    assert await asyncio.gather(*(orders.get(order.id) for _ in range(20))) == [order] * 20
    assert await ledger.claim(f"crash/{order.id}") is False


async def test_a_migration_under_running_workers_fails_no_call(
    make_database: DatabaseMaker, engine_to: EngineMaker, order: Order
) -> None:
    url = await make_database("changed")
    await migrate.upgrade(url)
    orders = SqlOrders(engine_to(url, connections=2))
    await orders.add_all([order])
    await asyncio.gather(*(orders.get(order.id) for _ in range(4)))
    connection = await asyncpg.connect(url)
    await connection.execute("ALTER TABLE orders ALTER COLUMN gift_note TYPE varchar(500)")
    await connection.close()
    assert await asyncio.gather(*(orders.get(order.id) for _ in range(4))) == [order] * 4


async def test_a_transaction_is_not_begun_on_a_connection_whose_end_was_seen(
    engine: AsyncEngine, direct: asyncpg.Connection
) -> None:
    async with engine.connect() as connection:
        kept = (await connection.get_raw_connection()).driver_connection
    assert kept is not None
    await direct.fetchval(_OTHERS)
    while not kept.is_closed():  # noqa: ASYNC110  asyncpg has no event for it
        await asyncio.sleep(0.01)
    async with engine.begin() as connection:
        assert (await connection.execute(text("SELECT 1"))).scalar_one() == 1


async def test_a_connection_that_the_server_says_it_closes_is_not_kept(engine: AsyncEngine) -> None:
    async def pid() -> object:
        async with engine.connect() as connection:
            return (await connection.execute(text("SELECT pg_backend_pid()"))).scalar_one()

    before = await pid()
    async with engine.connect() as connection:
        with pytest.raises(DBAPIError):
            await connection.execute(text("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '57P01'; END $$"))
    assert await pid() != before


async def test_a_server_that_falls_silent_costs_a_connection_one_call(
    postgres: Postgres, database_url: str, engine_to: EngineMaker, order: Order
) -> None:
    silent = asyncio.Event()
    pumps: list[asyncio.Task[None]] = []

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, mute: asyncio.Event) -> None:
        while data := await reader.read(65536):
            if not mute.is_set():
                writer.write(data)
        writer.close()

    async def between(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Stand for the network: a connection that was made before it fell silent stays silent."""
        mute = asyncio.Event() if silent.is_set() else silent
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", postgres.port)
        pumps.append(asyncio.create_task(pump(server_reader, writer, mute)))
        pumps.append(asyncio.create_task(pump(reader, server_writer, mute)))

    async with await asyncio.start_server(between, "127.0.0.1", 0) as network:
        port = network.sockets[0].getsockname()[1]
        url = database_url.replace(f":{postgres.port}", f":{port}")
        engine = engine_to(url, connections=1, command_timeout=0.3)
        orders = SqlOrders(engine)
        await orders.add_all([order])
        silent.set()
        with pytest.raises(NetworkTimeout):
            await orders.get(order.id)
        assert await orders.get(order.id) == order
        await engine.dispose()
        await asyncio.gather(*pumps)


async def test_a_cancelled_call_leaves_the_pool_usable(
    database_url: str, engine_to: EngineMaker, direct: asyncpg.Connection, order: Order
) -> None:
    orders = SqlOrders(engine_to(database_url, connections=1))
    await orders.add_all([order])
    async with direct.transaction():
        await direct.execute("SELECT FROM orders WHERE id = $1 FOR UPDATE", order.id)
        marking = asyncio.create_task(orders.mark_confirmed(order.id))
        await _wait_until_someone_waits(direct)
        marking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await marking
    assert await orders.get(order.id) == order


async def test_never_more_connections_than_allowed(
    database_url: str, engine_to: EngineMaker, direct: asyncpg.Connection
) -> None:
    engine = engine_to(database_url, connections=3)
    await _fill_pool(SqlOrders(engine))
    count = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    assert await direct.fetchval(count) <= 3
    assert {"durable-jobs"} == {
        row["application_name"]
        for row in await direct.fetch(
            "SELECT application_name FROM pg_stat_activity WHERE datname = current_database() "
            "AND pid <> pg_backend_pid()"
        )
    }


async def test_an_ordinary_transaction_is_still_one_and_times_are_in_utc(engine: AsyncEngine, new_id: int) -> None:
    ledger = SqlDeliveryLedger(engine)
    values = {"key": f"rolled-back/{new_id}", "claims": 1, "claimed_at": func.now()}
    async with engine.connect() as connection:
        await connection.execute(deliveries.insert().values(delivered_at=func.now(), answer="250 ok", **values))
        await connection.rollback()
        assert (await connection.execute(text("SHOW timezone"))).scalar_one() == "UTC"
    assert await ledger.claim(f"rolled-back/{new_id}") is True


async def test_settings_of_libpq_work_in_the_url(database_url: str, engine_to: EngineMaker) -> None:
    for scheme in ("postgresql", "postgres", "postgresql+asyncpg"):
        url = database_url.replace("postgresql", scheme, 1) + "?sslmode=disable&target_session_attrs=read-write"
        assert await probe(engine_to(url))
    assert await probe(engine_to(database_url.replace("@127", f"@127.0.0.1:{free_port()},127", 1)))


@pytest.mark.parametrize("url", ["", "mysql://root:hush@localhost/shop", "hush"])
def test_a_url_that_is_none_is_refused_without_repeating_it(engine_to: EngineMaker, url: str) -> None:
    with pytest.raises(InvalidRequest, match="DATABASE_URL is not of the form") as caught:
        engine_to(url)
    assert "hush" not in str(caught.value)


async def test_the_probe_reports_the_version_or_why_the_database_cannot_be_used(
    engine: AsyncEngine, database_url: str, engine_to: EngineMaker
) -> None:
    port = free_port()
    away = engine_to(f"postgresql://postgres:hush@127.0.0.1:{port}/shop")

    assert (await probe(engine)).startswith("18.")
    with pytest.raises(ConnectionBroken, match=rf"not reachable at 127\.0\.0\.1:{port}/shop: .*ECONNREFUSED") as caught:
        await probe(away)
    assert "hush" not in str(caught.value) + repr(away)
    with pytest.raises(ServiceUnavailable, match=r"/nowhere: .*DATABASE_URL.*3D000"):
        await probe(engine_to(database_url.rpartition("/")[0] + "/nowhere"))
    with pytest.raises(ServiceUnavailable, match="DATABASE_URL cannot be used") as unreadable:
        await probe(engine_to("postgresql://postgres:pa/hush@127.0.0.1/shop"))
    assert "hush" not in str(unreadable.value)


async def test_the_probe_reports_a_missing_schema_and_one_of_newer_code(
    make_database: DatabaseMaker, engine_to: EngineMaker
) -> None:
    url = await make_database("bare")
    with pytest.raises(ServiceUnavailable, match="has no schema: run `jobs setup`"):
        await probe(engine_to(url))
    await migrate.upgrade(url)
    assert await probe(engine_to(url))
    connection = await asyncpg.connect(url)
    await connection.execute(f"UPDATE {VERSION_TABLE} SET version_num = '9999'")  # noqa: S608  our own table's name
    await connection.close()
    with pytest.raises(TransientError, match=f"at revision 9999, this code needs {migrate.head()}: newer code"):
        await probe(engine_to(url))
