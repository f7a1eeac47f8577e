"""What an application writes beside its jobs, and what anybody can see of both."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import asyncpg
from sqlalchemy import Engine, event, insert

from adapters.db import tables
from domain.order_confirmation import OrderConfirmationRequest

CUSTOMER = insert(tables.customers).values(name="Ada", locale="en")
IMPOSSIBLE = insert(tables.customers).values(name="", locale="en")


def request(order_id: int) -> OrderConfirmationRequest:
    return OrderConfirmationRequest(order_id=order_id)


async def enqueued(direct: asyncpg.Connection) -> list[int]:
    """Order numbers of what anybody can see in the outbox."""
    rows = await direct.fetch("SELECT (payload->>'order_id')::int FROM outbox ORDER BY id")
    return [row[0] for row in rows]


async def customers(direct: asyncpg.Connection) -> int:
    count: int = await direct.fetchval("SELECT count(*) FROM customers")
    return count


@contextmanager
def counting_inserts(engine: Engine) -> Iterator[list[str]]:
    """Statements that add to the outbox."""
    seen: list[str] = []

    def look(*arguments: Any) -> None:
        if arguments[2].startswith("INSERT INTO outbox"):
            seen.append(arguments[2])

    event.listen(engine, "before_cursor_execute", look)
    yield seen
    event.remove(engine, "before_cursor_execute", look)
