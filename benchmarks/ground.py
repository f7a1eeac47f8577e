"""What benchmarks stand on: the embedded stack, a Temporal server with its defaults beside it, a mail sink, a database.

The stack's Temporal server has the stack's settings; the other one, from the same binary and with a file too, is what a
plain worker has.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen

from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client

from adapters.db.engine import make_engine
from adapters.db.migrate import upgrade
from adapters.settings import DatabaseSettings
from benchmarks.orders import Orders
from benchmarks.sides import Sink, spawn
from demo.ports import free_port
from demo.stack import Stack
from demo.temporal_server import TemporalServer
from starter.setup import add_search_attributes
from workflows.data_converter import data_converter


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
    def process(self, *arguments: str, plain: bool = False) -> Iterator[Popen[bytes]]:
        """Python with these arguments, beside us: on the stack, or on the plain server. It is killed at the end.

        An error that passes through here gets the end of its log as a note: a process that ended is waited for in vain.
        """
        environment = {
            **self.stack.environment(),
            "SMTP_HOST": "127.0.0.1",
            "SMTP_PORT": str(self.sink.port),
            "WORKER_HTTP_PORT": "0",
        }
        if plain:
            environment["TEMPORAL_ADDRESS"] = self.plain_server.address
        log = self.folder / ("-".join(Path(argument).name for argument in arguments) + ".log")
        process = spawn([sys.executable, *arguments], environment, log)
        try:
            yield process
        except Exception as exc:
            said = log.read_text(errors="replace")[-2000:]
            exc.add_note(f"{' '.join(arguments)} (exit status {process.poll()}) said: {said}")
            raise
        finally:
            process.kill()
            process.wait()


@asynccontextmanager
async def ground(folder: Path) -> AsyncIterator[Ground]:
    """Start everything in a folder of its own, and stop it at the end."""
    async with AsyncExitStack() as leaving:
        stack = leaving.enter_context(Stack(folder / "stack", inbox=False, payments=False))
        plain_server = TemporalServer(
            folder / "plain", port=free_port(), ui_port=free_port(), log=folder / "plain.log", tuned=False
        )
        plain_server.start()
        leaving.callback(plain_server.stop)
        sink = leaving.enter_context(Sink())
        await upgrade(stack.database_url)
        database = DatabaseSettings(url=SecretStr(stack.database_url))
        engine = make_engine(database)
        leaving.push_async_callback(engine.dispose)
        client = await Client.connect(stack.temporal_address, data_converter=data_converter)
        await add_search_attributes(client)
        plain_client = await Client.connect(plain_server.address)
        yield Ground(folder, stack, client, plain_server, plain_client, sink, database, engine, Orders(engine))
