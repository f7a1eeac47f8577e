"""The server starts and lives with PostgreSQL or Temporal away, and serves as soon as they are back."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from typing import Any

import httpx
from temporalio.client import Client

from adapters.settings import ApiSettings
from demo.ports import free_port
from demo.stack import Stack
from starter.api import make_app
from tests.http_interface.door import door
from tests.http_interface.serving import (
    ORDER,
    PROBLEM,
    Served,
    client_of,
    nowhere,
    serving,
    settings_of,
)
from tests.locks import WAITING_FOR_LOCKS
from tests.outbox.processes import running
from tests.processes.fork_server import python


async def _becomes(http: httpx.AsyncClient, condition: Callable[[dict[str, Any]], bool]) -> httpx.Response:
    async with asyncio.timeout(30):
        while not condition((answer := await http.get("/readyz")).json()):  # noqa: ASYNC110  # it looks each two seconds
            await asyncio.sleep(0.1)
    return answer


async def test_it_starts_without_postgresql_and_serves_once_that_is_there(served: Served, database: str) -> None:
    async with door(database, is_open=False) as way:
        app = make_app(ApiSettings(), database=settings_of(way.url), client=served.temporal)
        async with serving(app) as address, client_of(address, served.key) as http:
            assert (await http.get("/healthz")).status_code == 200
            ready = await http.get("/readyz")
            assert (ready.status_code, ready.json()["database"], ready.json()["ready"]) == (503, "away", False)
            answer = await http.post("/orders", json=ORDER)
            assert (answer.status_code, answer.headers["content-type"]) == (503, PROBLEM)
            assert int(answer.headers["retry-after"]) > 0
            assert str(way.port) not in answer.text + ready.text

            await way.open()
            assert (await http.post("/orders", json=ORDER)).status_code == 202
            assert (await _becomes(http, lambda report: report["ready"])).status_code == 200

            way.shut()
            # The key is remembered for some seconds, so that this is what the desk says.
            assert (await http.post("/orders", json=ORDER)).status_code == 503
            await way.open()
            assert (await http.post("/orders", json=ORDER)).status_code == 202
    assert await served.count("orders") == 2


async def test_a_connection_that_dies_before_the_commit_fails_no_request(served: Served) -> None:
    async with served.engine.begin() as other:
        await other.exec_driver_sql("LOCK TABLE order_items")
        placing = asyncio.create_task(served.place(key="a"))
        while (await served.run(WAITING_FOR_LOCKS))[0][0] == 0:  # noqa: ASYNC110  # PostgreSQL has no event for it
            await asyncio.sleep(0.01)
        await served.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND application_name = 'durable-jobs-api'"
        )
    answer = await placing
    assert (answer.status_code, answer.headers.get("idempotent-replayed")) == (202, None)
    assert [await served.count(table) for table in ("orders", "outbox")] == [1, 1]


async def test_a_pool_that_is_used_up_is_waited_for_only_so_long(served: Served, database: str) -> None:
    settings = settings_of(database, connections=1, command_timeout=0.3)
    app = make_app(ApiSettings(), database=settings, client=served.temporal)
    async with serving(app) as address, client_of(address, served.key) as http:
        assert (await http.get("/orders/1")).status_code == 404
        async with served.engine.begin() as other:
            await other.exec_driver_sql("LOCK TABLE orders")
            answers = await asyncio.gather(*(http.post("/orders", json=ORDER) for _ in range(3)))
        assert {answer.status_code for answer in answers} == {503}
        assert (await http.post("/orders", json=ORDER)).status_code == 202


async def test_temporal_is_told_of_and_not_depended_on(served: Served, database: str) -> None:
    there = await _becomes(served.http, lambda report: report["temporal"] != "unknown")
    assert there.json() == {"ready": True, "database": "there", "temporal": "there"}
    app = make_app(ApiSettings(), database=settings_of(database), client=await nowhere())
    async with serving(app) as address, client_of(address, served.key) as http:
        away = await _becomes(http, lambda report: report["temporal"] != "unknown")
        assert (away.status_code, away.json()["temporal"]) == (200, "away")


async def test_a_schema_that_is_not_up_to_date_is_not_ready(served: Served) -> None:
    await served.run("UPDATE jobs_schema_version SET version_num = '0001'")
    answer = await served.http.get("/readyz")
    assert (answer.status_code, answer.json()["database"]) == (503, "away")


async def test_uvicorn_serves_it_by_its_name_and_ends_when_told_to(
    stack: Stack, database: str, served: Served, shared_client: Client
) -> None:
    port = free_port()
    environment = {
        **os.environ,
        **stack.environment(),
        "TEMPORAL_NAMESPACE": shared_client.namespace,
        "DATABASE_URL": database,
    }
    async with running(environment, "-m", "uvicorn", "starter.api:app", "--port", str(port)) as server:
        async with client_of(f"http://127.0.0.1:{port}", served.key) as http:
            async with asyncio.timeout(60):
                while True:
                    try:
                        ready = await _becomes(http, lambda report: report["temporal"] == "there")
                        break
                    except httpx.ConnectError:
                        await asyncio.sleep(0.1)
            assert ready.status_code == 200
            placed = await http.post("/orders", json=ORDER)
            assert (await http.get(placed.json()["links"]["job"])).json()["state"] == "enqueued"
        server.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(server.wait(), 30) in (0, -signal.SIGTERM)


async def test_wrong_settings_keep_it_from_starting_and_are_not_repeated(database: str) -> None:
    environment = {**os.environ, "DATABASE_URL": database, "API_BODY_LIMIT": "s3cret"}
    process = await asyncio.create_subprocess_exec(
        *(*python(), "-m", "uvicorn", "starter.api:app", "--port", str(free_port())),
        env=environment,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 3
    assert "API_BODY_LIMIT: Input should be a valid integer" in err.decode()
    assert "s3cret" not in err.decode()
