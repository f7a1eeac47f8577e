"""An application in a process of its own, to be killed: `python -m tests.outbox.application PAUSE FIRST`.

It places one order after the other, each with its confirmation enqueued in the same transaction, and goes on after an
error. PAUSE: `before` or `after` the first commit it says so and waits for ever; `never` it goes on.
"""

from __future__ import annotations

import asyncio
import sys
from itertools import count

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.db.engine import make_engine
from adapters.settings import DatabaseSettings
from domain.errors import JobError
from tests.outbox.shop import add


async def main(pause: str, first: int) -> None:
    engine = make_engine(DatabaseSettings())
    for order_id in count(first):
        try:
            async with AsyncSession(engine) as session:
                await add(session, [order_id])
                await session.flush()
                if pause == "before":
                    await say("before")
                await session.commit()
            if pause == "after":
                await say("after")
        except (SQLAlchemyError, JobError):
            await asyncio.sleep(0.05)  # the database is away; whether the order was placed, it will know


async def say(what: str) -> None:
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
