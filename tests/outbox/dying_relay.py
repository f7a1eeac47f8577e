"""A relay that comes to a halt after it has started a batch's jobs, before it records that; to be killed."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from adapters.db.engine import make_engine
from adapters.db.outbox_relay import SqlOutbox
from adapters.settings import DatabaseSettings
from domain.outbox import Batch
from starter.connection import connect
from starter.relay import Relay
from workflows.registry import registry


class Halting(SqlOutbox):
    @asynccontextmanager
    async def take(self, limit: int, **which: Any) -> AsyncIterator[Batch]:
        async with super().take(limit, **which) as batch:
            yield batch
            if batch.started:
                sys.stdout.write("started\n")
                sys.stdout.flush()
                await asyncio.Event().wait()


async def main() -> None:
    settings = DatabaseSettings()
    outbox = Halting(make_engine(settings), settings)
    await Relay(outbox, await connect(), registry, patience=timedelta()).run()


if __name__ == "__main__":
    asyncio.run(main())
