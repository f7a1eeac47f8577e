"""How long it takes from the application's commit to the job's start, and to the mail.

Orders are placed and their jobs enqueued in one transaction by this process, and worker.py runs beside it, with the
relay in its process. Against it the plain worker, whose job this process starts by a client call right after the
order's commit. All times are of the one machine's clock: of the commit's return here, of the mail's acceptance in the
sink, and of the start as Temporal's server wrote it into the run's first event, to the nanosecond. That is when the
server made the run, one write to its disk before it answers the relay; the relay's own process has no better place to
look, for with the start comes the first task, which it then works on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.ground import Ground
from benchmarks.measuring import quantile
from domain.order_confirmation import OrderConfirmationRequest

WORKER = Path(__file__).parents[1] / "worker.py"
PER_SECOND = 50


@dataclass
class Latencies:
    """Milliseconds since the commit, an entry an order."""

    to_start: list[float] = field(default_factory=list)
    to_mail: list[float] = field(default_factory=list)
    eager: int = 0
    """How many of the jobs came back to the relay with their start."""

    def row(self) -> dict[str, float]:
        """Quantiles."""
        measured = {name: took for name, took in (("start", self.to_start), ("mail", self.to_mail)) if took}
        shares = (("p50", 0.5), ("p99", 0.99))
        found = {f"to_{n}_{s}_ms": round(quantile(took, q), 1) for n, took in measured.items() for s, q in shares}
        return found | ({"eager_share": round(self.eager / len(self.to_start), 3)} if self.to_start else {})


async def measure(on: Ground, *, rounds: int, alone: int, at_rate: int, warm_up: int) -> dict[str, Any]:
    """Both sides in turns, one job at a time; the outbox's also at a rate that the plain worker could not keep up with.

    Raises TimeoutError if orders are not confirmed.
    """
    idle, busy, plain = Latencies(), Latencies(), Latencies()
    # It ends with the input too, as a copy does that has lost its parent.
    with on.process(str(WORKER), "--parent", "0"), on.process("-m", "benchmarks.side", "plain", plain=True):
        await asyncio.gather(_enqueued_alone(on, warm_up, Latencies()), _plain_alone(on, warm_up, Latencies()))
        for _ in range(rounds):
            await _enqueued_alone(on, alone, idle)
            await _plain_alone(on, alone, plain)
            await _enqueued_at_rate(on, at_rate, busy)
    return {
        "idle": idle.row(),
        f"at_{PER_SECOND}_per_second": busy.row(),
        "plain_worker_idle": plain.row(),
        "mail_p50_to_plain": round(quantile(idle.to_mail, 0.5) / quantile(plain.to_mail, 0.5), 3),
    }


async def _enqueued_alone(on: Ground, jobs: int, found: Latencies) -> None:
    ids: list[int] = []
    for _ in range(jobs):
        placed = await on.orders.place(1, enqueue=True)
        await on.orders.confirmed(placed)
        ids += placed
    await _look(on, ids, found)


async def _enqueued_at_rate(on: Ground, jobs: int, found: Latencies) -> None:
    ids: list[int] = []

    async def place(after: float) -> None:
        await asyncio.sleep(after)
        ids.extend(await on.orders.place(1, enqueue=True))

    await asyncio.gather(*(place(n / PER_SECOND) for n in range(jobs)))
    await on.orders.confirmed([min(ids), max(ids)])
    await _look(on, ids, found)


async def _plain_alone(on: Ground, jobs: int, found: Latencies) -> None:
    start = on.plain_client.start_workflow
    for _ in range(jobs):
        (order_id,) = await on.orders.place(1)
        await start("PlainOrderConfirmation", order_id, id=f"plain-{order_id}", task_queue="plain")
        await on.orders.confirmed([order_id])
        found.to_mail.append(_since_commit(on, order_id, on.sink.accepted[order_id]))


async def _look(on: Ground, ids: Sequence[int], found: Latencies) -> None:
    """Take down when the jobs started and the mails came, once all is over."""
    for order_id in ids:
        handle = on.client.get_workflow_handle(OrderConfirmationRequest(order_id=order_id).workflow_id)
        event = await anext(handle.fetch_history_events(page_size=1))
        found.to_start.append(_since_commit(on, order_id, event.event_time.ToNanoseconds()))
        found.to_mail.append(_since_commit(on, order_id, on.sink.accepted[order_id]))
        found.eager += event.workflow_execution_started_event_attributes.eager_execution_accepted


def _since_commit(on: Ground, order_id: int, at: int) -> float:
    return (at - on.orders.committed[order_id]) / 1e6
