"""The receiver of payment callbacks: `python -m benchmarks.payment_callbacks`.

How many callbacks one process takes a second, against a plain FastAPI endpoint that verifies the signature and does
nothing else; and how long a callback takes at a steady rate. What is compared is measured in turns, in one run on one
machine, which PostgreSQL and the sender share. Temporal is stopped: callbacks are taken without it.

The last line is a JSON object with the figures; `ok` tells whether all targets are reached.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from adapters.db.migrate import upgrade
from benchmarks.callback_load import as_fast_as_it_goes, at_rate, callbacks
from benchmarks.measuring import cpu, main, quantile, running
from demo.payments.provider import WEBHOOK_SECRET
from demo.ports import free_port
from demo.stack import Stack

TARGETS = {"per_second_to_bare": 0.5, "p99_ms": 100}
PER_SECOND = 50
CONNECTIONS = 32


@dataclass(frozen=True)
class Extent:
    """How much is measured: rounds, and requests in each."""

    rounds: int
    at_once: int
    at_rate: int


FULL = Extent(rounds=21, at_once=1500, at_rate=100)
QUICK = Extent(rounds=1, at_once=300, at_rate=50)


@dataclass
class Side:
    """A server, and how fast it was, a number a round."""

    port: int
    pid: int
    per_second: list[float] = field(default_factory=list)
    milliseconds: list[float] = field(default_factory=list)
    cpu: float = 0
    """Seconds of the server's process alone."""

    async def measure(self, requests: int) -> None:
        """One round."""
        signed, before = callbacks(requests), cpu(self.pid)
        rate, took = await as_fast_as_it_goes(self.port, signed, connections=CONNECTIONS)
        self.cpu += cpu(self.pid) - before
        self.per_second.append(rate)
        self.milliseconds += took

    def figures(self) -> dict[str, float]:
        """What was found."""
        return {
            "per_second": round(statistics.median(self.per_second)),
            "p50_ms": round(quantile(self.milliseconds, 0.5), 1),
            "p99_ms": round(quantile(self.milliseconds, 0.99), 1),
            "cpu_us_per_callback": round(self.cpu / len(self.milliseconds) * 1e6),
        }


async def run(extent: Extent, folder: Path) -> dict[str, Any]:
    """Measure; returns the figures."""
    with Stack(folder / "stack", inbox=False, payments=None) as stack, ExitStack() as leaving:
        await upgrade(stack.database_url)
        environment = {**stack.environment(), "PAYMENT_CALLBACK_SECRETS": WEBHOOK_SECRET}
        bare = leaving.enter_context(_server("benchmarks.callback_load:bare", environment, folder))
        ours = leaving.enter_context(_server("starter.api:app", environment, folder))
        await asyncio.to_thread(stack.temporal.stop)
        await _serve(bare, ours)
        for side in (bare, ours):
            await as_fast_as_it_goes(side.port, callbacks(extent.at_once // 3), connections=CONNECTIONS)
        steady: list[float] = []
        for _ in range(extent.rounds):
            await bare.measure(extent.at_once)
            await ours.measure(extent.at_once)
            steady += await at_rate(
                ours.port, callbacks(extent.at_rate), per_second=PER_SECOND, connections=CONNECTIONS
            )
        sent = extent.rounds * (extent.at_once + extent.at_rate) + extent.at_once // 3
        kept = await _kept(stack.database_url)
    ratios = [ours_ / bare_ for ours_, bare_ in zip(ours.per_second, bare.per_second, strict=True)]
    ratio, p99 = statistics.median(ratios), quantile(steady, 0.99)
    return {
        "receiver": ours.figures(),
        "bare_endpoint": bare.figures(),
        "per_second_to_bare": round(ratio, 3),
        "per_second_to_bare_by_round": [round(each, 2) for each in ratios],
        f"at_{PER_SECOND}_per_second": {"p50_ms": round(quantile(steady, 0.5), 1), "p99_ms": round(p99, 1)},
        "sent": sent,
        "kept": kept,
        "targets": TARGETS,
        "ok": ratio >= TARGETS["per_second_to_bare"] and p99 < TARGETS["p99_ms"] and kept == [sent, sent],
    }


@contextmanager
def _server(app: str, environment: dict[str, str], folder: Path) -> Iterator[Side]:
    """One process of uvicorn with this app."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", app, "--port", str(port), "--no-access-log"]
    with running(command, environment, folder / f"{app}.log") as process:
        yield Side(port, process.pid)


async def _serve(*sides: Side) -> None:
    """Return when they do. Raises TimeoutError."""
    async with asyncio.timeout(60), httpx.AsyncClient(trust_env=False) as http:
        for side in sides:
            while True:
                try:
                    await http.get(f"http://127.0.0.1:{side.port}/healthz")
                    break
                except httpx.TransportError:
                    await asyncio.sleep(0.1)


async def _kept(url: str) -> list[int]:
    """How many events and jobs there are."""
    connection = await asyncpg.connect(url)
    try:
        return [await connection.fetchval(f"SELECT count(*) FROM {table}") for table in ("payment_events", "outbox")]  # noqa: S608  # the names stand here
    finally:
        await connection.close()


if __name__ == "__main__":
    main(__doc__, run, full=FULL, quick=QUICK)
