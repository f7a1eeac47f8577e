"""What benchmarks stand on: the embedded stack, a Temporal server with its defaults beside it, a mail sink, a database.

The stack's Temporal server has the stack's settings; the other one, from the same binary and with a file too, is what a
plain worker has.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from temporalio.client import Client

from adapters.db.engine import make_engine
from adapters.db.migrate import upgrade
from adapters.db.tables import customers, order_items, orders
from adapters.settings import DatabaseSettings
from benchmarks.measuring import running
from demo.ports import free_port
from demo.stack import Stack
from demo.temporal_server import TemporalServer
from domain.order_confirmation import OrderConfirmationRequest
from starter import outbox
from starter.setup import add_search_attributes
from workflows.data_converter import data_converter
from workflows.hosting import job_worker
from workflows.registry import registry

_ITEMS = (("Coffee beans, 1 kg", 2, 1890), ("Filter papers", 1, 349), ("Mug, blue", 4, 1200))


class Orders:
    """Places orders, and tells when they are confirmed. Their ids count up; each has a customer of the same id."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._ids = count(1)
        self.committed: dict[int, int] = {}
        """Order → time at which its transaction's commit returned, in nanoseconds since the epoch."""

    async def place(self, number: int, *, enqueue: bool = False) -> list[int]:
        """Place orders in one transaction, with their confirmations enqueued in it where told to; returns their ids."""
        ids = self.new_ids(number)
        async with AsyncSession(self._engine) as session:
            await session.execute(
                insert(customers),
                # The address tells the mail sink which order it is.
                [{"id": i, "name": f"Customer {i}", "email": f"{i}@example.com", "locale": "en_GB"} for i in ids],
            )
            now = datetime.now(UTC)
            await session.execute(
                insert(orders),
                [{"id": i, "customer_id": i, "currency": "EUR", "total": 8929, "placed_at": now} for i in ids],
            )
            await session.execute(
                insert(order_items),
                [
                    {"order_id": i, "position": position, "name": name, "quantity": quantity, "unit_price": price}
                    for i in ids
                    for position, (name, quantity, price) in enumerate(_ITEMS, start=1)
                ],
            )
            if enqueue:
                outbox.enqueue_all(session, (OrderConfirmationRequest(order_id=i) for i in ids))
            await session.commit()
            self.committed |= dict.fromkeys(ids, time.time_ns())
        return ids

    def new_ids(self, number: int) -> list[int]:
        """Ids that no order has."""
        return [next(self._ids) for _ in range(number)]

    async def confirmed(self, ids: list[int], within: float = 120) -> None:
        """Wait until the orders are marked as confirmed. Raises TimeoutError after `within` seconds."""
        open_orders = select(func.count()).where(
            orders.c.id.between(ids[0], ids[-1]), orders.c.confirmation_sent_at.is_(None)
        )
        async with asyncio.timeout(within), self._engine.connect() as connection:
            while await connection.scalar(open_orders):
                await connection.rollback()
                await asyncio.sleep(0.02)


class Sink:
    """The process that all mails end in, and the times at which it accepted them."""

    def __init__(self) -> None:
        self.accepted: dict[int, int] = {}
        """Order → time of the OK in nanoseconds since the epoch."""
        self.repeated = 0
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.sink"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.port = int(next(self._lines()))
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _lines(self) -> Iterator[str]:
        return iter(self._process.stdout or ())

    def _read(self) -> None:
        for line in self._lines():
            order, at = map(int, line.split())
            self.repeated += order in self.accepted
            self.accepted.setdefault(order, at)

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait()
        self._reader.join()


@dataclass
class Ground:
    """All of it, running and set up."""

    folder: Path
    stack: Stack
    client: Client
    """Of the stack's Temporal server."""
    plain_server: TemporalServer
    plain_client: Client
    sink: Sink
    database: DatabaseSettings
    engine: AsyncEngine
    orders: Orders

    @contextmanager
    def process(self, *arguments: str, plain: bool = False) -> Iterator[subprocess.Popen[bytes]]:
        """Python with these arguments, beside us: on the stack, or on the plain server. It is killed at the end."""
        environment = {
            **self.stack.environment(),
            "SMTP_HOST": "127.0.0.1",
            "SMTP_PORT": str(self.sink.port),
            "WORKER_HTTP_PORT": "0",
        }
        if plain:
            environment["TEMPORAL_ADDRESS"] = self.plain_server.address
        log = self.folder / ("-".join(Path(argument).name for argument in arguments) + ".log")
        with running([sys.executable, *arguments], environment, log) as process:
            yield process

    @asynccontextmanager
    async def maintenance_worker(self, ports: Mapping[type, object]) -> AsyncIterator[None]:
        """A worker in this process for those kinds of the queue whose ports are given."""
        kinds = [kind for kind in registry if set(kind.ports_asked().values()) <= ports.keys()]
        async with job_worker(self.client, "maintenance", kinds, ports, sandbox=False):
            yield


@asynccontextmanager
async def ground(folder: Path) -> AsyncIterator[Ground]:
    """Start everything in a folder of its own, and stop it at the end."""
    async with AsyncExitStack() as leaving:
        stack = leaving.enter_context(Stack(folder / "stack", inbox=False, payments=None))
        plain_server = TemporalServer(
            folder / "plain", port=free_port(), ui_port=free_port(), log=folder / "plain.log", tuned=False
        )
        plain_server.start()
        leaving.callback(plain_server.stop)
        sink = Sink()
        leaving.callback(sink.stop)
        await upgrade(stack.database_url)
        database = DatabaseSettings(url=SecretStr(stack.database_url))
        engine = make_engine(database)
        leaving.push_async_callback(engine.dispose)
        client = await Client.connect(stack.temporal_address, data_converter=data_converter)
        await add_search_attributes(client)
        plain_client = await Client.connect(plain_server.address)
        yield Ground(folder, stack, client, plain_server, plain_client, sink, database, engine, Orders(engine))
