"""Which orders a process under measurement is to start jobs for: a line each on its standard input.

The input's end is the benchmark's end, however that came: the process must not outlive it.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable

from adapters.process import leave

IN_FLIGHT = 50
"""Starts on the way at a time."""


async def start_as_told(start: Callable[[int], Awaitable[None]]) -> None:
    """Start a job for each order told; end the process when the input ends."""
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    gate = asyncio.Semaphore(IN_FLIGHT)

    async def one(order_id: int) -> None:
        try:
            await start(order_id)
        finally:
            gate.release()

    async with asyncio.TaskGroup() as starting:
        while line := await lines.readline():
            await gate.acquire()
            starting.create_task(one(int(line)))
    leave(0)
