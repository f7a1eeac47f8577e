"""The outbox, from the application's transaction to the mail: `python -m benchmarks.outbox`.

How fast the relay starts jobs, against starting them directly; how long it is
from the commit to the job's start, and to the mail, against a worker built the way Temporal's samples are. What is
compared is measured in turns, in one run on one machine, which the servers share. Sides and settings are those of
`benchmarks/order_confirmation.py`: the plain worker's Temporal server has the server's defaults, ours the settings of
the embedded stack.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

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
    alone: int
    at_rate: int
    warm_up: int
    relay_rounds: int
    relayed: int


FULL = Extent(rounds=5, alone=40, at_rate=200, warm_up=20, relay_rounds=11, relayed=500)
QUICK = Extent(rounds=1, alone=5, at_rate=25, warm_up=2, relay_rounds=1, relayed=200)


async def run(extent: Extent, folder: Path) -> dict[str, Any]:
    """Measure part after part; returns the figures."""
    async with ground(folder) as on:
        latency = await outbox_latency.measure(
            on, rounds=extent.rounds, alone=extent.alone, at_rate=extent.at_rate, warm_up=extent.warm_up
        )
        say("from the commit", latency)
        # With no worker there from here on.
        relay = await _relayed(on, rounds=extent.relay_rounds, jobs=extent.relayed)
        say("relayed", relay)
        repeated = on.sink.repeated
    return {
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
