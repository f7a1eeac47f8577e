"""A program that starts jobs and falls off its end, as applications do: `python -m tests.starter.ending sync 50`.

It closes nothing. What it leaves behind must not change its exit status, nor keep it from ending.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from datetime import timedelta

from starter import JobHandle, Jobs, JobStillRunning, OrderConfirmationRequest, SyncJobs

jobs = SyncJobs()
"""As in a module of an application; it connects when it is used."""


def synchronous(first: int, count: int, wait: float) -> None:
    """Start so many jobs one by one; wait for the last one, which does not end meanwhile."""
    for number in range(first, first + count):
        handle = jobs.start(OrderConfirmationRequest(order_id=number), delay=timedelta(hours=1))
    if wait:
        sys.stdout.write("waits\n")
        sys.stdout.flush()
        try:
            handle.result(timeout=timedelta(seconds=wait))
        except JobStillRunning:
            sys.stdout.write("not ended\n")


async def asynchronous(first: int, count: int, wait: float) -> None:
    """The same without `SyncJobs`."""
    connected = await Jobs.connect()
    handle: JobHandle | None = None
    for number in range(first, first + count):
        handle = await connected.start(OrderConfirmationRequest(order_id=number), delay=timedelta(hours=1))
    if wait and handle is not None:
        sys.stdout.write("waits\n")
        sys.stdout.flush()
        try:
            async with asyncio.timeout(wait):
                await handle.result()
        except TimeoutError:
            sys.stdout.write("not ended\n")


def main() -> None:
    """Do it, in a forked child too where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("how", choices=["sync", "async"])
    parser.add_argument("count", type=int)
    parser.add_argument("--first-order", type=int, default=1)
    parser.add_argument("--wait", type=float, default=0, help="seconds to wait for the last job")
    parser.add_argument("--fork", action="store_true", help="do it all again in a child")
    parser.add_argument("--status", type=int, default=0)
    chosen = parser.parse_args()
    try:
        if chosen.how == "sync":
            synchronous(chosen.first_order, chosen.count, chosen.wait)
        else:
            asyncio.run(asynchronous(chosen.first_order, chosen.count, chosen.wait))
        if chosen.fork and (child := os.fork()):
            chosen.status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        elif chosen.fork:
            synchronous(chosen.first_order + chosen.count, chosen.count, chosen.wait)
    except KeyboardInterrupt:
        sys.exit(130)
    if chosen.status:
        sys.exit(chosen.status)


if __name__ == "__main__":
    main()
