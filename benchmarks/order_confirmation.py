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
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adapters.process import leave
from benchmarks.ground import ground
from benchmarks.orders import Orders
from benchmarks.quantiles import quantile
from benchmarks.sides import Side, Sink

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


async def run(rounds: int, jobs: int, alone: int, at_rate: int, folder: Path) -> dict[str, Any]:
    """Measure both sides in turns; returns the figures."""
    async with ground(folder) as on:
        bench = Bench(on.orders, on.sink)
        with on.process("-m", "benchmarks.embedded") as ours, on.process("-m", "benchmarks.plain", plain=True) as plain:
            sides = (
                Side("this worker", on.stack.temporal, ours, on.client, lambda i: f"order-confirmation/{i}"),
                Side("plain worker", on.plain_server, plain, on.plain_client, lambda i: f"plain-{i}"),
            )
            ours_measured, plain_measured = await _in_turns(bench, sides, rounds, jobs, alone, at_rate)
        return _verdict(ours_measured.row(), plain_measured.row(), on.sink.repeated)


async def _in_turns(
    bench: Bench, sides: tuple[Side, Side], rounds: int, jobs: int, alone: int, at_rate: int
) -> tuple[Measured, Measured]:
    measured = (Measured(), Measured())
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
    return measured


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
