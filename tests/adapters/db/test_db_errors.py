"""What the database raises, by real causes, and what becomes of it: the right decision, and nothing personal."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Callable

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.api.failure.v1 import Failure
from temporalio.converter import DefaultFailureConverter, default

from adapters.db.deliveries import SqlDeliveryLedger
from adapters.db.errors import translated
from adapters.db.orders import SqlOrders
from demo.ports import free_port
from demo.postgres import Postgres
from domain.errors import (
    Conflict,
    ConnectionBroken,
    InvalidRequest,
    JobError,
    NetworkTimeout,
    ServiceUnavailable,
    TransientError,
)
from domain.orders import Order

EngineMaker = Callable[..., AsyncEngine]

_SECRET = "eve.o'secret@example.com"


async def _run(engine: AsyncEngine, *statements: str, **parameters: object) -> None:
    with translated():
        async with engine.begin() as connection:
            for statement in statements:
                await connection.execute(text(statement), parameters)


def _everything_told(error: BaseException) -> str:
    """All that leaves with the error: the failure in Temporal's history, with its causes, and a logged traceback."""
    failure = Failure()
    DefaultFailureConverter().to_failure(error, default().payload_converter, failure)
    return str(failure) + "".join(traceback.format_exception(error))


@pytest.mark.parametrize(
    ("statement", "cls", "constraint"),
    [
        ("INSERT INTO customers (name, email, locale) VALUES (:v, '@', 'en')", InvalidRequest, "email_shape"),
        ("INSERT INTO customers (name, email, locale) VALUES (:v, :v, NULL)", InvalidRequest, "23502"),
        ("INSERT INTO orders VALUES (99, -5, 'EUR', 1, :v)", Conflict, "fk_orders"),
        ("INSERT INTO deliveries VALUES (:v, 1, now()), (:v, 1, now())", Conflict, "pk_deliveries"),
        ("SELECT CAST(CAST(:v AS text) AS integer)", InvalidRequest, "22P02"),
        ("SELECT CAST(:v AS text) FROM no_such_table", ServiceUnavailable, "jobs setup"),
        ("SELECT no_such_column, CAST(:v AS text) FROM orders", ServiceUnavailable, "jobs setup"),
        ("SELECT CAST(:v AS text) FRM orders", TransientError, "42601"),
        ("DO $$ BEGIN RAISE EXCEPTION 'not to be told'; END $$", TransientError, "P0001"),
    ],
)  # fmt: skip  # one case a line
async def test_an_error_names_the_constraint_or_the_state_and_no_value(
    engine: AsyncEngine, statement: str, cls: type[JobError], constraint: str
) -> None:
    with pytest.raises(cls) as caught:
        await _run(engine, statement, **({"v": _SECRET} if ":v" in statement else {}))
    assert type(caught.value) is cls
    assert constraint in caught.value.message
    told = _everything_told(caught.value)
    assert "secret" not in told
    assert "not to be told" not in told


async def test_a_value_that_cannot_be_kept_is_refused_without_telling_it(engine: AsyncEngine, order: Order) -> None:
    orders, number = SqlOrders(engine), 2**70 + 12345
    odd = order.model_copy(update={"customer": order.customer.model_copy(update={"name": f"{_SECRET}\0"})})
    for call in (orders.get(number), orders.add_all([odd]), SqlDeliveryLedger(engine).claim(_SECRET * 20)):
        with pytest.raises(InvalidRequest) as caught:
            await call
        told = _everything_told(caught.value)
        assert "secret" not in told
        assert str(number) not in told


async def test_a_database_that_cannot_be_reached_is_waited_for(engine_to: EngineMaker) -> None:
    async def get(url: str, **settings: float) -> None:
        await SqlOrders(engine_to(url, **settings)).get(1)

    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    unused = f"postgresql://postgres:hush@127.0.0.1:{free_port()}/shop"
    with pytest.raises(ConnectionBroken, match="ECONNREFUSED") as caught:
        await get(unused)
    assert "hush" not in _everything_told(caught.value)
    with pytest.raises(ConnectionBroken):
        await get("postgresql://postgres@no-such-host.invalid/shop")
    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        with pytest.raises(ConnectionBroken):
            await get(f"postgresql://postgres@127.0.0.1:{server.sockets[0].getsockname()[1]}/shop")
    async with await asyncio.start_server(say_nothing, "127.0.0.1", 0) as server:
        with pytest.raises(NetworkTimeout):
            await get(f"postgresql://postgres@127.0.0.1:{server.sockets[0].getsockname()[1]}/shop", connect_timeout=0.2)


@pytest.mark.parametrize(
    ("old", "new", "state", "words"),
    [
        ("postgres@", "nobody@", "28000", 'role "nobody" does not exist'),
        ("/shop", "/nowhere", "3D000", 'database "nowhere" does not exist'),
    ],
)
async def test_a_wrong_login_makes_jobs_wait_and_says_what_to_correct(
    postgres: Postgres, engine_to: EngineMaker, old: str, new: str, state: str, words: str
) -> None:
    with pytest.raises(ServiceUnavailable, match=f"DATABASE_URL.*{state}.*{words}"):
        await SqlOrders(engine_to(postgres.url.replace(old, new))).get(1)


async def test_a_missing_schema_makes_jobs_wait_and_says_what_to_run(
    make_database: Callable[[str], Awaitable[str]], engine_to: EngineMaker, order: Order
) -> None:
    engine = engine_to(await make_database("empty"))
    for call in (SqlOrders(engine).get(1), SqlOrders(engine).get(1), SqlOrders(engine).add_all([order])):
        with pytest.raises(ServiceUnavailable, match="run `jobs setup`"):
            await call


async def test_limits_of_the_role_and_a_standby_are_waited_out(
    direct: asyncpg.Connection, database_url: str, new_id: int, engine_to: EngineMaker
) -> None:
    role = f"limited_{new_id}"
    await direct.execute(f"CREATE ROLE {role} LOGIN")
    ledger = SqlDeliveryLedger(engine_to(database_url.replace("postgres@", f"{role}@")))
    for change, state in (
        ("CONNECTION LIMIT 0", "53300"),
        ("CONNECTION LIMIT 9", "42501"),
        ("SET default_transaction_read_only = on", "25006"),
    ):
        await direct.execute(f"ALTER ROLE {role} {change}")
        if state == "25006":
            await direct.execute(f"GRANT ALL ON deliveries TO {role}")
            ledger = SqlDeliveryLedger(engine_to(database_url.replace("postgres@", f"{role}@")))
        with pytest.raises(ServiceUnavailable, match=state):
            await ledger.claim("key")


async def test_no_free_connection_in_time_is_waited_for(database_url: str, engine_to: EngineMaker) -> None:
    engine = engine_to(database_url, connections=1, command_timeout=0.2)
    async with engine.connect():
        with pytest.raises(ServiceUnavailable, match="DATABASE_CONNECTIONS"):
            await SqlOrders(engine).get(1)


async def test_a_statement_that_takes_too_long_is_a_timeout_and_leaves_the_connection_usable(
    direct: asyncpg.Connection, database_url: str, engine_to: EngineMaker, order: Order
) -> None:
    orders = SqlOrders(engine_to(database_url, connections=1, command_timeout=0.3))
    await orders.add_all([order])
    async with direct.transaction():
        await direct.execute("SELECT FROM orders WHERE id = $1 FOR UPDATE", order.id)
        with pytest.raises(NetworkTimeout):
            await orders.mark_confirmed(order.id)
    assert await orders.get(order.id) == order


async def test_time_limits_of_the_server_are_transient(engine: AsyncEngine, direct: asyncpg.Connection) -> None:
    async with direct.transaction():
        await direct.execute("LOCK TABLE deliveries")
        with pytest.raises(ServiceUnavailable, match="55P03"):
            await _run(engine, "SET LOCAL lock_timeout = '20ms'", "SELECT FROM deliveries")
    with pytest.raises(NetworkTimeout, match="57014"):
        await _run(engine, "SET LOCAL statement_timeout = '20ms'", "SELECT pg_sleep(5)")


async def test_transactions_that_collide_are_tried_again(
    engine: AsyncEngine, direct: asyncpg.Connection, order: Order
) -> None:
    await SqlOrders(engine).add_all([order])
    async with engine.execution_options(isolation_level="REPEATABLE READ").connect() as connection:
        await connection.execute(text("SELECT FROM orders"))
        await direct.execute("UPDATE orders SET total = 1 WHERE id = $1", order.id)
        with pytest.raises(ServiceUnavailable, match="40001"), translated():
            await connection.execute(text("UPDATE orders SET total = 2 WHERE id = :id"), {"id": order.id})


async def test_a_killed_backend_inside_a_transaction_is_a_broken_connection(
    engine: AsyncEngine, direct: asyncpg.Connection
) -> None:
    async with engine.connect() as connection:
        pid = (await connection.execute(text("SELECT pg_backend_pid()"))).scalar_one()
        await direct.execute("SELECT pg_terminate_backend($1)", pid)
        with pytest.raises(ConnectionBroken), translated():
            await connection.execute(text("SELECT 1"))


async def test_what_is_not_the_databases_passes_unchanged() -> None:
    for error in (ServiceUnavailable("mine"), KeyError("mine"), asyncio.CancelledError()):
        with pytest.raises(type(error)) as caught, translated():
            raise error
        assert caught.value is error
