"""Waits for work that cancelling does not stop: a thread's, or a request that is on its way."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

_T = TypeVar("_T")


async def finished(work: Awaitable[_T], *, within: float | None = None) -> _T:
    """Its result. Whoever is cancelled meanwhile is so once it has ended, so that nothing goes on behind their back.

    The work must have a time limit of its own. `within`: seconds after which whoever was cancelled waits no more, and
    the work is cancelled too.
    """
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        loop = asyncio.get_running_loop()
        until = None if within is None else loop.time() + within
        while not task.done():
            left = None if until is None else until - loop.time()
            if left is not None and left <= 0:
                task.cancel()
                left = None
            try:
                await asyncio.wait({task}, timeout=left)
            except asyncio.CancelledError:  # told again: it is raised below
                continue
        if not task.cancelled():
            task.exception()  # nobody else looks at it
        raise
