"""What enqueueing costs the application: rows that PostgreSQL takes a second, with jobs and without.

Each of three kinds of transaction, in turns: an order alone, an order with its job, a job alone. The orders have no
items: they are the least that an application would write. A connection listens as a relay's does, since PostgreSQL has
more to do at a commit then, but nobody takes the entries. Everything runs in this one process, so that many connections
share one Python thread.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.db.outbox_relay import SqlOutbox
from adapters.db.tables import orders
from benchmarks.ground import Ground
from domain.order_confirmation import OrderConfirmationRequest
from starter import outbox

Write = Callable[[AsyncSession, Sequence[int], int], Awaitable[None]]
"""Adds to the session's transaction what belongs to these ids of orders; all of them are this customer's."""


async def _order(session: AsyncSession, ids: Sequence[int], customer: int) -> None:
    rows = [{"id": i, "customer_id": customer, "currency": "EUR", "total": 8929} for i in ids]
    await session.execute(insert(orders), rows)


async def _job(session: AsyncSession, ids: Sequence[int], _: int) -> None:
    if len(ids) == 1:
        outbox.enqueue(session, OrderConfirmationRequest(order_id=ids[0]))
    else:
        outbox.enqueue_all(session, (OrderConfirmationRequest(order_id=i) for i in ids))


async def _order_with_job(session: AsyncSession, ids: Sequence[int], customer: int) -> None:
    await _order(session, ids, customer)
    await _job(session, ids, customer)


_TRANSACTIONS: dict[str, Write] = {"order": _order, "order_with_job": _order_with_job, "job": _job}


async def measure(on: Ground, *, rounds: int, transactions: int, in_bulk: int) -> dict[str, dict[str, Any]]:
    """Rows a second by connection count and in bulk; an order with its job counts as one row."""
    # A customer a connection, or they would wait for each other's lock of the one row.
    customers = await on.orders.place(10)
    shapes = {
        "one_connection": (customers[:1], transactions, 1),
        "ten_connections": (customers, transactions, 1),
        "in_one_transaction": (customers[:1], 1, in_bulk),
    }
    rates: dict[str, dict[str, list[float]]] = {shape: {what: [] for what in _TRANSACTIONS} for shape in shapes}
    async with _listening(on):
        for turn in range(rounds + 1):
            for shape, (buyers, number, rows) in shapes.items():
                for what, write in _TRANSACTIONS.items():
                    rate = await _rate(on, write, buyers, number, rows)
                    if turn:  # the first warms up
                        rates[shape][what].append(rate)
    return {shape: _figures(found) for shape, found in rates.items()}


def _figures(rates: dict[str, list[float]]) -> dict[str, Any]:
    ratios = [both / alone for both, alone in zip(rates["order_with_job"], rates["order"], strict=True)]
    return {
        **{f"{what}_per_second": round(statistics.median(found)) for what, found in rates.items()},
        "with_job_to_without": round(statistics.median(ratios), 3),
    }


async def _rate(on: Ground, write: Write, buyers: Sequence[int], transactions: int, rows: int) -> float:
    async def connection(customer: int) -> None:
        for _ in range(transactions // len(buyers)):
            async with AsyncSession(on.engine) as session:
                await write(session, on.orders.new_ids(rows), customer)
                await session.commit()

    began = time.perf_counter()
    await asyncio.gather(*map(connection, buyers))
    took = time.perf_counter() - began
    async with on.engine.begin() as cleaning:
        await cleaning.execute(text("TRUNCATE outbox"))
    return transactions // len(buyers) * len(buyers) * rows / took


@asynccontextmanager
async def _listening(on: Ground) -> Any:
    listening = asyncio.create_task(SqlOutbox(on.engine, on.database).listen(lambda: None))
    try:
        yield
    finally:
        listening.cancel()
