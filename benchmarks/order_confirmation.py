"""This project's worker against one built the way Temporal's samples are: `python -m benchmarks.order_confirmation`.

Both confirm the same kind of orders out of the same PostgreSQL into the same mail sink, in turns (A B A B …), each on a
Temporal server of its own from the same binary, with a file: the plain one's with the server's defaults, ours with the
settings of the embedded stack. On both sides one process starts the jobs and works on them, as an application does that
runs a worker; server, database and sink share the machine with it.

The last line is a JSON object with the figures; `ok` tells whether all targets are reached.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import Popen
from typing import Any

from temporalio.client import Client

from benchmarks.ground import Orders, Sink, ground
from benchmarks.measuring import cpu, main, quantile, say
from demo.temporal_server import TemporalServer

TARGETS = {"throughput": 5.0, "p50": 0.25, "cpu": 0.25, "events": 12}


@dataclass(frozen=True)
class Extent:
    """How much is measured: rounds, and jobs of each part in a round."""

    rounds: int
    jobs: int
    alone: int
    at_rate: int


FULL = Extent(rounds=3, jobs=500, alone=50, at_rate=200)
QUICK = Extent(rounds=1, jobs=20, alone=2, at_rate=5)


@dataclass
class Side:
    """One of the two: its server, and the process that starts jobs and works on them."""

    name: str
    server: TemporalServer
    worker: Popen[bytes]
    client: Client
    workflow_id: Callable[[int], str]

    def tell(self, order_ids: Iterable[int]) -> None:
        """Have the process start the confirmation of these orders."""
        if self.worker.stdin is None:
            raise RuntimeError(f"{self.name} was started without an input")
        self.worker.stdin.write("".join(f"{order_id}\n" for order_id in order_ids).encode())

    def cpu(self) -> tuple[float, float]:
        """CPU seconds of the worker and of the server so far."""
        return cpu(self.worker.pid), cpu(self.server.pid)


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
            "p50_ms": round(quantile(self.alone, 0.5), 1),
            "p99_ms": round(quantile(self.alone, 0.99), 1),
            "p50_ms_at_20_per_second": round(quantile(self.at_rate, 0.5), 1),
            "p99_ms_at_20_per_second": round(quantile(self.at_rate, 0.99), 1),
            "events": self.events,
            "history_bytes": self.history_bytes,
        }


class Bench:
    """What the rounds need."""

    def __init__(self, orders: Orders, sink: Sink) -> None:
        self._orders = orders
        self._sink = sink

    async def throughput(self, side: Side, jobs: int, measured: Measured) -> None:
        """Start `jobs` as fast as the client can, until all are confirmed."""
        ids = await self._orders.place(jobs)
        worker_before, server_before = side.cpu()
        began = time.perf_counter()
        side.tell(ids)
        await self._orders.confirmed(ids)
        took = time.perf_counter() - began
        await asyncio.sleep(0.5)  # what the server does after a job belongs to the job
        worker_after, server_after = side.cpu()
        measured.throughput.append(jobs / took)
        measured.cpu_worker.append((worker_after - worker_before) / jobs * 1000)
        measured.cpu_server.append((server_after - server_before) / jobs * 1000)

    async def alone(self, side: Side, jobs: int, measured: Measured) -> None:
        """One job at a time: from the call that starts it to the mail accepted."""
        for order_id in await self._orders.place(jobs):
            began = time.time_ns()
            side.tell([order_id])
            await self._orders.confirmed([order_id])
            measured.alone.append((self._sink.accepted[order_id] - began) / 1e6)

    async def at_rate(self, side: Side, jobs: int, per_second: float, measured: Measured) -> None:
        """Jobs that come at a steady rate, whether those before are done or not."""
        ids = await self._orders.place(jobs)
        began: dict[int, int] = {}

        async def start(order_id: int, after: float) -> None:
            await asyncio.sleep(after)
            began[order_id] = time.time_ns()
            side.tell([order_id])

        await asyncio.gather(*(start(order_id, n / per_second) for n, order_id in enumerate(ids)))
        await self._orders.confirmed(ids)
        measured.at_rate.extend((self._sink.accepted[i] - began[i]) / 1e6 for i in ids)

    async def history(self, side: Side, measured: Measured) -> None:
        """Events and bytes that one job leaves behind."""
        (order_id,) = await self._orders.place(1)
        side.tell([order_id])
        await self._orders.confirmed([order_id])
        handle = side.client.get_workflow_handle(side.workflow_id(order_id))
        await handle.result()
        described = (await handle.describe()).raw_description.workflow_execution_info
        measured.events = described.history_length
        measured.history_bytes = described.history_size_bytes


async def run(extent: Extent, folder: Path) -> dict[str, Any]:
    """Measure both sides in turns; returns the figures."""
    async with ground(folder) as on:
        bench, measured = Bench(on.orders, on.sink), (Measured(), Measured())
        with (
            on.process("-m", "benchmarks.side", "ours") as ours,
            on.process("-m", "benchmarks.side", "plain", plain=True) as plain,
        ):
            sides = (
                Side("this worker", on.stack.temporal, ours, on.client, lambda i: f"order-confirmation/{i}"),
                Side("plain worker", on.plain_server, plain, on.plain_client, lambda i: f"plain-{i}"),
            )
            for side in sides:
                await bench.throughput(side, 50, Measured())  # warm
            for turn in range(extent.rounds):
                for side, figures in zip(sides, measured, strict=True):
                    await bench.throughput(side, extent.jobs, figures)
                    await bench.alone(side, extent.alone, figures)
                    await bench.at_rate(side, extent.at_rate, 20, figures)
                    say(f"round {turn + 1}, {side.name}", figures.row())
            for side, figures in zip(sides, measured, strict=True):
                await bench.history(side, figures)
        return _verdict(measured[0].row(), measured[1].row(), on.sink.repeated)


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


if __name__ == "__main__":
    main(__doc__, run, full=FULL, quick=QUICK)
