"""What schedules start: `python -m benchmarks.schedules`.

How fast thousands of mails that are due at once become running jobs, against starting the same jobs directly; and how
fast a million expired sessions are removed, and how long those who use the sessions wait for locks meanwhile.

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
from benchmarks import scheduled_mails, session_cleanup
from benchmarks.ground import ground

TARGETS = {"dispatched_to_directly": 0.8, "longest_lock_wait_ms": 100}


@dataclass(frozen=True)
class Extent:
    """How much is measured."""

    rounds: int
    mails: int
    expired: int
    valid: int
    alone: float


FULL = Extent(rounds=3, mails=5_000, expired=1_000_000, valid=100_000, alone=5)
QUICK = Extent(rounds=1, mails=200, expired=20_000, valid=2_000, alone=0.5)


async def run(extent: Extent, folder: Path) -> dict[str, Any]:
    """Measure part after part; returns the figures."""
    async with ground(folder) as on:
        mails = await scheduled_mails.measure(on, rounds=extent.rounds, mails=extent.mails)
        _say("scheduled mails", mails)
        sessions = await session_cleanup.measure(on, expired=extent.expired, valid=extent.valid, alone=extent.alone)
        _say("expired sessions", sessions)
    waits = [sessions["meanwhile"][f"{who}_longest_lock_wait_ms"] for who in ("reader", "writer")]
    return {
        "scheduled_mails": mails,
        "session_cleanup": sessions,
        "targets": TARGETS,
        "ok": (mails["ratio"] >= TARGETS["dispatched_to_directly"] and max(waits) <= TARGETS["longest_lock_wait_ms"]),
    }


def _say(part: str, figures: dict[str, Any]) -> None:
    print(f"{part}: {figures}", flush=True)  # noqa: T201  # a report


def main() -> None:
    """Run it, and print the figures as the last line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a few seconds a part, for a look whether it works")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="schedules-bench-") as folder:
        figures = asyncio.run(run(QUICK if chosen.quick else FULL, Path(folder)))
    print(json.dumps(figures), flush=True)  # noqa: T201  # the result
    leave(0 if figures["ok"] else 1)


if __name__ == "__main__":
    main()
