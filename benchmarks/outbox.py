"""The outbox, from the application's transaction to the mail: `python -m benchmarks.outbox`.

What enqueueing costs the application; how fast the relay starts jobs, against starting them directly; how long it is
from the commit to the job's start, and to the mail, against a worker built the way Temporal's samples are. What is
compared is measured in turns, in one run on one machine, which the servers share. Sides and settings are those of
`benchmarks/order_confirmation.py`: the plain worker's Temporal server has the server's defaults, ours the settings of
the embedded stack.

What enqueueing costs is measured by three kinds of transaction, in turns: an order, an order with its job, a job. The
orders have no items: they are the least that an application would write. Everything runs in this one process, so that
many connections share one Python thread.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.db.outbox_relay import SqlOutbox
from adapters.db.tables import orders
from benchmarks import outbox_latency, relaying
from benchmarks.ground import Ground, ground
from benchmarks.measuring import main, say
from domain.order_confirmation import OrderConfirmationRequest
from starter import outbox

TARGETS = {"relayed_to_directly": 0.8, "commit_to_start_p50_ms": 50, "commit_to_mail_to_plain": 0.25}


@dataclass(frozen=True)
class Extent:
    """How much is measured: rounds of a part, and how many of each in a round."""

    rounds: int
    transactions: int
    in_bulk: int
    alone: int
    at_rate: int
    warm_up: int
    relay_rounds: int
    relayed: int


FULL = Extent(
    rounds=5, transactions=300, in_bulk=10_000, alone=40, at_rate=200, warm_up=20, relay_rounds=11, relayed=500
)
QUICK = Extent(rounds=1, transactions=50, in_bulk=1000, alone=5, at_rate=25, warm_up=2, relay_rounds=1, relayed=200)


async def run(extent: Extent, folder: Path) -> dict[str, Any]:
    """Measure part after part; returns the figures."""
    async with ground(folder) as on:
        latency = await outbox_latency.measure(
            on, rounds=extent.rounds, alone=extent.alone, at_rate=extent.at_rate, warm_up=extent.warm_up
        )
        say("from the commit", latency)
        # With no worker there from here on.
        accepted = await _accepted(on, rounds=extent.rounds, transactions=extent.transactions, in_bulk=extent.in_bulk)
        say("accepted", accepted)
        relay = await _relayed(on, rounds=extent.relay_rounds, jobs=extent.relayed)
        say("relayed", relay)
        repeated = on.sink.repeated
    return {
        "rows_accepted": accepted,
        "relay": relay,
        "from_the_commit": latency,
        "mails_sent_twice": repeated,
        "targets": TARGETS,
        "ok": (
            relay["ratio"] >= TARGETS["relayed_to_directly"]
            and latency["idle"]["to_start_p50_ms"] < TARGETS["commit_to_start_p50_ms"]
            and latency["mail_p50_to_plain"] <= TARGETS["commit_to_mail_to_plain"]
            and repeated == 0
        ),
    }


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


async def _accepted(on: Ground, *, rounds: int, transactions: int, in_bulk: int) -> dict[str, dict[str, Any]]:
    """Rows a second by connection count and in bulk; an order with its job counts as one row."""
    # A customer a connection, or they would wait for each other's lock of the one row.
    customers = await on.orders.place(10)
    shapes = {
        "one_connection": (customers[:1], transactions, 1),
        "ten_connections": (customers, transactions, 1),
        "in_one_transaction": (customers[:1], 1, in_bulk),
    }
    rates: dict[str, dict[str, list[float]]] = {shape: {what: [] for what in _TRANSACTIONS} for shape in shapes}
    # PostgreSQL has more to do at a commit while a relay listens; nobody takes the entries.
    listening = asyncio.create_task(SqlOutbox(on.engine, on.database).listen(lambda: None))
    for turn in range(rounds + 1):
        for shape, (buyers, number, rows) in shapes.items():
            for what, write in _TRANSACTIONS.items():
                rate = await _rate(on, write, buyers, number, rows)
                if turn:  # the first warms up
                    rates[shape][what].append(rate)
    listening.cancel()
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


async def _relayed(on: Ground, *, rounds: int, jobs: int) -> dict[str, Any]:
    """Starts per second both ways; the relay's from its start until the outbox is empty."""

    def request(number: int) -> OrderConfirmationRequest:
        return OrderConfirmationRequest(order_id=number)

    async def enqueue(ids: Sequence[int]) -> None:
        async with AsyncSession(on.engine) as session:
            outbox.enqueue_all(session, map(request, ids))
            await session.commit()

    async def nothing() -> None: ...

    directly, relayed = await relaying.compare(on, request, enqueue, nothing, rounds=rounds, jobs=jobs)
    return {
        "directly_per_second": round(statistics.median(directly)),
        "relayed_per_second": round(statistics.median(relayed)),
        **relaying.ratios_of(directly, relayed),
    }


if __name__ == "__main__":
    main(__doc__, run, full=FULL, quick=QUICK)
