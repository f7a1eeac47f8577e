"""This project's worker against one built the way Temporal's samples are: `python -m benchmarks.order_confirmation`.

Both confirm the same kind of orders out of the same PostgreSQL into the same mail sink, in turns (A B A B …), each on a
Temporal server of its own from the same binary, with a file: the plain one's with the server's defaults, ours with the
settings of the embedded stack. On both sides one process starts the jobs and works on them, as an application does that
runs a worker; server, database and sink share the machine with it.

The last line is a JSON object with the figures; `ok` tells whether all targets are reached.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client

from adapters.db.engine import make_engine
from adapters.db.migrate import upgrade
from adapters.db.orders import SqlOrders
from adapters.db.tables import orders as orders_table
from adapters.process import leave
from adapters.settings import DatabaseSettings
from benchmarks.sides import Side, Sink, spawn
from demo.ports import free_port
from demo.stack import Stack
from demo.temporal_server import TemporalServer
from domain.orders import Customer, Order, OrderItem
from starter.setup import add_search_attributes
from workflows.data_converter import data_converter

TARGETS = {"throughput": 5.0, "p50": 0.25, "cpu": 0.25, "events": 12}


@dataclass
class Measured:
    """Figures of one side, one entry a round."""

    throughput: list[float] = field(default_factory=list)
    cpu_worker: list[float] = field(default_factory=list)
    cpu_server: list[float] = field(default_factory=list)
    alone: list[float] = field(default_factory=list)
    at_rate: list[float] = field(default_factory=list)
    events: int = 0
    history_bytes: int = 0

    def row(self) -> dict[str, float]:
        """Medians over the rounds; latencies in ms over all jobs."""
        return {
            "jobs_per_second": round(statistics.median(self.throughput), 1),
            "cpu_ms_worker": round(statistics.median(self.cpu_worker), 2),
            "cpu_ms_server": round(statistics.median(self.cpu_server), 2),
            "p50_ms": round(_quantile(self.alone, 0.5), 1),
            "p99_ms": round(_quantile(self.alone, 0.99), 1),
            "p50_ms_at_20_per_second": round(_quantile(self.at_rate, 0.5), 1),
            "p99_ms_at_20_per_second": round(_quantile(self.at_rate, 0.99), 1),
            "events": self.events,
            "history_bytes": self.history_bytes,
        }


def _quantile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class Bench:
    """What the rounds need."""

    def __init__(self, engine: AsyncEngine, sink: Sink) -> None:
        self._engine = engine
        self._orders = SqlOrders(engine)
        self._sink = sink
        self._ids = count(1)

    async def new_orders(self, number: int) -> list[int]:
        """Place orders to confirm; the customer's address tells the order."""
        ids = [next(self._ids) for _ in range(number)]
        items = (
            OrderItem(name="Coffee beans, 1 kg", quantity=2, unit_price=1890),
            OrderItem(name="Filter papers", quantity=1, unit_price=349),
            OrderItem(name="Mug, blue", quantity=4, unit_price=1200),
        )
        await self._orders.add_all(
            Order(
                id=i,
                customer=Customer(id=i, name=f"Customer {i}", email=f"{i}@example.com", locale="en_GB"),
                currency="EUR",
                total=8929,
                items=items,
                gift_note=None,
                placed_at=datetime.now(UTC),
                confirmation_sent_at=None,
            )
            for i in ids
        )
        return ids

    async def all_confirmed(self, ids: list[int], within: float = 120) -> None:
        """Wait until the orders are marked. Raises TimeoutError."""
        open_orders = select(func.count()).where(
            orders_table.c.id.between(ids[0], ids[-1]), orders_table.c.confirmation_sent_at.is_(None)
        )
        async with asyncio.timeout(within), self._engine.connect() as connection:
            while await connection.scalar(open_orders):
                await connection.rollback()
                await asyncio.sleep(0.02)

    async def throughput(self, side: Side, jobs: int, measured: Measured) -> None:
        """Start `jobs` as fast as the client can, until all are confirmed."""
        ids = await self.new_orders(jobs)
        worker_before, server_before = side.cpu()
        began = time.perf_counter()
        side.tell(ids)
        await self.all_confirmed(ids)
        took = time.perf_counter() - began
        await asyncio.sleep(0.5)  # what the server does after a job belongs to the job
        worker_after, server_after = side.cpu()
        measured.throughput.append(jobs / took)
        measured.cpu_worker.append((worker_after - worker_before) / jobs * 1000)
        measured.cpu_server.append((server_after - server_before) / jobs * 1000)

    async def alone(self, side: Side, jobs: int, measured: Measured) -> None:
        """One job at a time: from the call that starts it to the mail accepted."""
        for order_id in await self.new_orders(jobs):
            began = time.time_ns()
            side.tell([order_id])
            await self.all_confirmed([order_id])
            measured.alone.append((self._sink.accepted[order_id] - began) / 1e6)

    async def at_rate(self, side: Side, jobs: int, per_second: float, measured: Measured) -> None:
        """Jobs that come at a steady rate, whether those before are done or not."""
        ids = await self.new_orders(jobs)
        began: dict[int, int] = {}

        async def start(order_id: int, after: float) -> None:
            await asyncio.sleep(after)
            began[order_id] = time.time_ns()
            side.tell([order_id])

        await asyncio.gather(*(start(order_id, n / per_second) for n, order_id in enumerate(ids)))
        await self.all_confirmed(ids)
        measured.at_rate.extend((self._sink.accepted[i] - began[i]) / 1e6 for i in ids)

    async def history(self, side: Side, measured: Measured) -> None:
        """Events and bytes that one job leaves behind."""
        (order_id,) = await self.new_orders(1)
        side.tell([order_id])
        await self.all_confirmed([order_id])
        handle = side.client.get_workflow_handle(side.workflow_id(order_id))
        await handle.result()
        described = (await handle.describe()).raw_description.workflow_execution_info
        measured.events = described.history_length
        measured.history_bytes = described.history_size_bytes


@asynccontextmanager
async def _sides(
    stack: Stack, plain_server: TemporalServer, sink: Sink, logs: Path
) -> AsyncIterator[tuple[Side, Side]]:
    environment = {**stack.environment(), "SMTP_HOST": "127.0.0.1", "SMTP_PORT": str(sink.port)}
    ours = await Client.connect(stack.temporal_address, data_converter=data_converter)
    await add_search_attributes(ours)
    plain = await Client.connect(plain_server.address)
    workers = [
        spawn([sys.executable, "-m", "benchmarks.embedded"], environment, logs / "embedded.log"),
        spawn(
            [sys.executable, "-m", "benchmarks.plain"],
            environment | {"TEMPORAL_ADDRESS": plain_server.address},
            logs / "plain-worker.log",
        ),
    ]
    try:
        yield (
            Side("this worker", stack.temporal, workers[0], ours, lambda i: f"order-confirmation/{i}"),
            Side("plain worker", plain_server, workers[1], plain, lambda i: f"plain-{i}"),
        )
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()


async def run(rounds: int, jobs: int, alone: int, at_rate: int, folder: Path) -> dict[str, Any]:
    """Measure both sides in turns; returns the figures."""
    async with AsyncExitStack() as leaving:
        stack = leaving.enter_context(Stack(folder / "stack", inbox=False))
        stack.start()
        # Beside the stack's own server, which has its settings, one with the server's defaults.
        plain_server = TemporalServer(
            folder / "plain", port=free_port(), ui_port=free_port(), log=folder / "plain.log", tuned=False
        )
        plain_server.start()
        leaving.callback(plain_server.stop)
        sink = leaving.enter_context(Sink())
        await upgrade(stack.database_url)
        engine = make_engine(DatabaseSettings(url=SecretStr(stack.database_url)))
        leaving.push_async_callback(engine.dispose)
        bench = Bench(engine, sink)
        sides = await leaving.enter_async_context(_sides(stack, plain_server, sink, folder))
        measured = [Measured(), Measured()]
        for side in sides:
            await bench.throughput(side, 50, Measured())  # warm
        for turn in range(rounds):
            for side, figures in zip(sides, measured, strict=True):
                await bench.throughput(side, jobs, figures)
                await bench.alone(side, alone, figures)
                await bench.at_rate(side, at_rate, 20, figures)
                print(f"round {turn + 1}, {side.name}: {figures.row()}", flush=True)  # noqa: T201  # a report
        for side, figures in zip(sides, measured, strict=True):
            await bench.history(side, figures)
        ours, plain = (figures.row() for figures in measured)
        return _verdict(ours, plain, sink.repeated)


def _verdict(ours: dict[str, float], plain: dict[str, float], repeated: int) -> dict[str, Any]:
    def ratio(key: str) -> float:
        return round(ours[key] / plain[key], 3)

    cpu = round((ours["cpu_ms_worker"] + ours["cpu_ms_server"]) / (plain["cpu_ms_worker"] + plain["cpu_ms_server"]), 3)
    return {
        "this_worker": ours,
        "plain_worker": plain,
        "throughput_ratio": ratio("jobs_per_second"),
        "p50_ratio": ratio("p50_ms"),
        "p50_ratio_at_20_per_second": ratio("p50_ms_at_20_per_second"),
        "cpu_ratio": cpu,
        "history_bytes_ratio": ratio("history_bytes"),
        "mails_sent_twice": repeated,
        "targets": TARGETS,
        "ok": (
            ratio("jobs_per_second") >= TARGETS["throughput"]
            and ratio("p50_ms") <= TARGETS["p50"]
            and ratio("p50_ms_at_20_per_second") <= TARGETS["p50"]
            and cpu <= TARGETS["cpu"]
            and ours["events"] <= TARGETS["events"]
            and repeated == 0
        ),
    }


def main() -> None:
    """Run it, and print the figures as the last line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=500, help="of the throughput part, a round")
    parser.add_argument("--alone", type=int, default=50, help="one at a time, a round")
    parser.add_argument("--at-rate", type=int, default=200, help="at 20/s, a round")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="jobs-bench-") as folder:
        figures = asyncio.run(run(chosen.rounds, chosen.jobs, chosen.alone, chosen.at_rate, Path(folder)))
    print(json.dumps(figures), flush=True)  # noqa: T201  # the result
    leave(0 if figures["ok"] else 1)


if __name__ == "__main__":
    main()
