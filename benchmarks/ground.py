"""What benchmarks stand on: the embedded stack, a Temporal server with its defaults beside it, a mail sink, a database.

The stack's Temporal server has the stack's settings; the other one, from the same binary and with a file too, is what a
plain worker has.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client

from adapters.db.engine import make_engine
from adapters.db.migrate import upgrade
from adapters.settings import DatabaseSettings
from benchmarks.measuring import running
from benchmarks.orders import Orders
from demo.ports import free_port
from demo.stack import Stack
from demo.temporal_server import TemporalServer
from starter.setup import add_search_attributes
from workflows.data_converter import data_converter
from workflows.hosting import job_worker
from workflows.registry import registry


class Sink:
    """The process that all mails end in, and the times at which it accepted them."""

    def __init__(self) -> None:
        """Start it."""
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
