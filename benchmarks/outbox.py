"""The outbox, from the application's transaction to the mail: `python -m benchmarks.outbox`.

What enqueueing costs the application; how fast the relay starts jobs, against starting them directly; how long it is
from the commit to the job's start, and to the mail, against a worker built the way Temporal's samples are. What is
compared is measured in turns, in one run on one machine, which the servers share. Sides and settings are those of
`benchmarks/order_confirmation.py`: the plain worker's Temporal server has the server's defaults, ours the settings of
the embedded stack.

The last line is a JSON object with the figures; `ok` tells whether all targets are reached.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapters.process import leave
from benchmarks import outbox_accepting, outbox_latency, outbox_relaying
from benchmarks.ground import ground

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
        _say("from the commit", latency)
        # With no worker there from here on.
        accepted = await outbox_accepting.measure(
            on, rounds=extent.rounds, transactions=extent.transactions, in_bulk=extent.in_bulk
        )
        _say("accepted", accepted)
        relay = await outbox_relaying.measure(on, rounds=extent.relay_rounds, jobs=extent.relayed)
        _say("relayed", relay)
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


def _say(part: str, figures: dict[str, Any]) -> None:
    print(f"{part}: {figures}", flush=True)  # noqa: T201  # a report


def main() -> None:
    """Run it, and print the figures as the last line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a few seconds a part, for a look whether it works")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="outbox-bench-") as folder:
        figures = asyncio.run(run(QUICK if chosen.quick else FULL, Path(folder)))
    print(json.dumps(figures), flush=True)  # noqa: T201  # the result
    leave(0 if figures["ok"] else 1)


if __name__ == "__main__":
    main()
