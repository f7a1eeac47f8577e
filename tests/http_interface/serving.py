"""The HTTP interface on a real server in the test's process, and a client that has a key for it."""

from __future__ import annotations

import asyncio
import dataclasses
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client
from temporalio.runtime import Runtime

from adapters.db.api_keys import SqlApiKeys
from adapters.db.engine import make_engine
from adapters.db.tables import customers
from adapters.settings import ApiSettings, DatabaseSettings, PaymentCallbackSettings
from demo.payments.provider import WEBHOOK_SECRET
from demo.ports import free_port
from domain.api_keys import new_secret
from starter.api import make_app
from starter.connection import connect

CUSTOMER = {"name": "Ada Lovelace", "email": "ada@example.com", "locale": "en_GB"}
ITEM = {"name": "Teapot", "quantity": 2, "unit_price": 3450}
ORDER: dict[str, Any] = {"customer_id": 1, "currency": "EUR", "items": [ITEM], "payment": "later"}
PROBLEM = "application/problem+json"
CALLBACKS = PaymentCallbackSettings(secrets=SecretStr(WEBHOOK_SECRET))


@dataclass(frozen=True)
class Served:
    """A running server and what is behind it."""

    http: httpx.AsyncClient
    """Sends a valid key."""
    key: str
    engine: AsyncEngine
    temporal: Client
    app: FastAPI

    def replace(self, **parts: Any) -> None:
        """Have the app work with other parts than it was made with."""
        self.app.state.parts = dataclasses.replace(self.app.state.parts, **parts)

    @property
    def url(self) -> str:
        return str(self.http.base_url)

    async def place(self, body: Any = ORDER, key: str | None = None, **changes: Any) -> httpx.Response:
        headers = {"Idempotency-Key": key} if key else {}
        return await self.http.post("/orders", json=body | changes, headers=headers)

    async def count(self, table: str) -> int:
        async with self.engine.connect() as connection:
            return int((await connection.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one())  # noqa: S608  # names of tests

    async def run(self, statement: str, **parameters: Any) -> Any:
        """Run a statement; its rows, where it has any."""
        async with self.engine.begin() as connection:
            result = await connection.execute(text(statement), parameters)
            return result.all() if result.returns_rows else []


def settings_of(url: str, **more: float) -> DatabaseSettings:
    return DatabaseSettings.model_validate({"url": SecretStr(url), "connect_timeout": 2, **more})


async def new_key(engine: AsyncEngine, name: str = "tests") -> str:
    secret = new_secret()
    await SqlApiKeys(engine).add(secret, name, lifetime=None)
    return secret.key


async def nowhere() -> Client:
    """A client of a Temporal that is away."""
    return await connect(lazy=True, target_host=f"127.0.0.1:{free_port()}")


@asynccontextmanager
async def serve(
    url: str,
    temporal: Client,
    *,
    callbacks: PaymentCallbackSettings = CALLBACKS,
    runtime: Runtime | None = None,
    **settings: Any,
) -> AsyncIterator[Served]:
    """Serve the database at this URL, with one customer in it and a key."""
    engine = make_engine(settings_of(url), pooled=False)
    async with engine.begin() as connection:
        await connection.execute(insert(customers).values(CUSTOMER))
    key = await new_key(engine)
    app = make_app(
        ApiSettings.model_validate(settings),
        database=settings_of(url),
        callbacks=callbacks,
        client=temporal,
        runtime=runtime,
    )
    async with serving(app) as address, client_of(address, key) as http:
        yield Served(http, key, engine, temporal, app)
    await engine.dispose()


def client_of(address: str, key: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=address, headers={"Authorization": f"Bearer {key}"}, trust_env=False, timeout=30)


@asynccontextmanager
async def serving(app: Any, root_path: str = "") -> AsyncIterator[str]:
    """Any app on a free port; its address. `root_path`: what a proxy in front of it takes off the path."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = _Server(
        uvicorn.Config(app, log_config=None, lifespan="on", timeout_graceful_shutdown=2, root_path=root_path)
    )
    task = asyncio.create_task(server.serve(sockets=[listening]))
    # It has told that it started, or has ended with what kept it from that.
    started = asyncio.create_task(server.has_started.wait())
    await asyncio.wait({task, started}, return_when=asyncio.FIRST_COMPLETED)
    started.cancel()
    assert not task.done(), "it did not start"
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
        listening.close()


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.has_started = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self.has_started.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to pytest."""
        yield
