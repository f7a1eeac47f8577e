"""Runs what blocks, such as starting and stopping parts, beside the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


async def to_its_end(act: Callable[[], None]) -> None:
    """Run it in a thread; where we are cancelled meanwhile, wait for its end: what it starts must be known to us."""
    running = asyncio.ensure_future(asyncio.to_thread(act))
    try:
        await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait({running})
        running.exception()  # nobody asks for it any more
        raise
