"""Processes that are started to be killed, and how much of it there is to be."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

FULL = os.environ.get("CRASH_RUNS") == "full"
"""`make crash`: as much as the promises name. Else a little of each, for the gate."""

RELAY = ("-m", "starter", "relay")


@asynccontextmanager
async def running(environment: Mapping[str, str], *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A Python program; killed at the end where it still runs."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,  # itself, not the fork server: a kill must hit the program at once
        *arguments,
        env=dict(environment),
        stdout=asyncio.subprocess.PIPE,
        # An unread pipe would block it in the end.
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        # Read to the end, or the transport is left to the garbage collector.
        await process.communicate()


async def said(process: asyncio.subprocess.Process, what: str) -> None:
    """Wait for a line of its output."""
    assert process.stdout is not None
    async with asyncio.timeout(60):
        async for line in process.stdout:
            if what in line.decode():
                return
    raise AssertionError(f"it ended without saying {what!r}")
