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
from tests.adapters.db.states import state_of

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


async def test_a_number_that_no_column_holds_is_refused_without_telling_it(engine: AsyncEngine) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await SqlOrders(engine).get(2**70 + 12345)
    assert str(2**70 + 12345) not in _everything_told(caught.value)


async def test_a_value_that_postgresql_cannot_store_is_refused_without_telling_it(
    engine: AsyncEngine, order: Order
) -> None:
    odd = order.customer.model_copy(update={"name": f"{_SECRET}\0"})
    with pytest.raises(InvalidRequest) as caught:
        await SqlOrders(engine).add_all([order.model_copy(update={"customer": odd})])
    assert "secret" not in _everything_told(caught.value)


async def test_a_key_that_breaks_a_rule_is_not_told(engine: AsyncEngine) -> None:
    with pytest.raises(InvalidRequest, match="ck_deliveries_key_length") as caught:
        await SqlDeliveryLedger(engine).claim(_SECRET * 20)
    assert "secret" not in _everything_told(caught.value)


async def test_a_database_that_is_not_there_is_waited_for(engine_to: EngineMaker) -> None:
    nobody_listens = f"postgresql://postgres:hush@127.0.0.1:{free_port()}/shop"
    with pytest.raises(ConnectionBroken, match="ECONNREFUSED") as caught:
        await SqlOrders(engine_to(nobody_listens)).get(1)
    assert "hush" not in _everything_told(caught.value)


async def test_a_host_name_that_does_not_resolve_is_waited_for(engine_to: EngineMaker) -> None:
    with pytest.raises(ConnectionBroken):
        await SqlOrders(engine_to("postgresql://postgres@no-such-host.invalid/shop")).get(1)


async def test_a_server_that_accepts_and_stays_silent_is_given_up_in_time(engine_to: EngineMaker) -> None:
    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(say_nothing, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(NetworkTimeout):
            await SqlOrders(engine_to(f"postgresql://postgres@127.0.0.1:{port}/shop", connect_timeout=0.2)).get(1)


async def test_a_server_that_hangs_up_at_once_is_waited_for(engine_to: EngineMaker) -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(ConnectionBroken):
            await SqlOrders(engine_to(f"postgresql://postgres@127.0.0.1:{port}/shop")).get(1)


@pytest.mark.parametrize(
    ("old", "new", "state"),
    [("postgres@", "nobody@", "28000"), ("/shop", "/nowhere", "3D000")],
    ids=["role", "database"],
)
async def test_a_wrong_login_makes_jobs_wait_and_says_what_to_correct(
    postgres: Postgres, engine_to: EngineMaker, old: str, new: str, state: str
) -> None:
    with pytest.raises(ServiceUnavailable, match=f"DATABASE_URL.*{state}"):
        await SqlOrders(engine_to(postgres.url.replace(old, new))).get(1)


async def test_a_missing_schema_makes_jobs_wait_and_says_what_to_run(
    make_database: Callable[[str], Awaitable[str]], engine_to: EngineMaker, order: Order
) -> None:
    engine = engine_to(await make_database("empty"))
    calls = [
        SqlOrders(engine).get(1),
        SqlOrders(engine).get(1),
        SqlOrders(engine).mark_confirmed(1),
        SqlOrders(engine).add_all([order]),
        SqlDeliveryLedger(engine).claim("key"),
        SqlDeliveryLedger(engine).record("key", "250 ok"),
    ]
    for call in calls:
        with pytest.raises(ServiceUnavailable, match="run `jobs setup`"):
            await call


@pytest.fixture
async def role(direct: asyncpg.Connection, new_id: int) -> str:
    """A role that a test may put limits on."""
    name = f"limited_{new_id}"
    await direct.execute(f"CREATE ROLE {name} LOGIN")
    return name


async def test_too_many_connections_are_waited_for(
    direct: asyncpg.Connection, database_url: str, role: str, engine_to: EngineMaker
) -> None:
    await direct.execute(f"ALTER ROLE {role} CONNECTION LIMIT 0")
    with pytest.raises(ServiceUnavailable, match="53300"):
        await SqlOrders(engine_to(database_url.replace("postgres@", f"{role}@"))).get(1)


async def test_a_missing_right_is_waited_for(database_url: str, role: str, engine_to: EngineMaker) -> None:
    with pytest.raises(ServiceUnavailable, match="42501"):
        await SqlOrders(engine_to(database_url.replace("postgres@", f"{role}@"))).get(1)


async def test_a_standby_is_waited_out(
    direct: asyncpg.Connection, database_url: str, role: str, engine_to: EngineMaker
) -> None:
    await direct.execute(f"GRANT ALL ON deliveries TO {role}")
    await direct.execute(f"ALTER ROLE {role} SET default_transaction_read_only = on")
    with pytest.raises(ServiceUnavailable, match="25006"):
        await SqlDeliveryLedger(engine_to(database_url.replace("postgres@", f"{role}@"))).claim("key")


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
    assert await state_of(orders, order.id) == "to-confirm"


async def test_a_lock_that_does_not_become_free_is_waited_for(engine: AsyncEngine, direct: asyncpg.Connection) -> None:
    async with direct.transaction():
        await direct.execute("LOCK TABLE deliveries")
        with pytest.raises(ServiceUnavailable, match="55P03"):
            await _run(engine, "SET LOCAL lock_timeout = '20ms'", "SELECT FROM deliveries")


async def test_a_servers_time_limit_is_a_timeout(engine: AsyncEngine) -> None:
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
