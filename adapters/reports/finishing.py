"""Waits for work that cancelling does not stop: a thread's, or a request that is on its way."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

_T = TypeVar("_T")


async def finished(work: Awaitable[_T]) -> _T:
    """Its result. Whoever is cancelled meanwhile is so once it has ended, so that nothing goes on behind their back.

    The work must have a time limit of its own.
    """
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        while not task.done():
            try:
                await asyncio.wait({task})
            except asyncio.CancelledError:  # told again: it is raised below
                continue
        if not task.cancelled():
            task.exception()  # nobody else looks at it
        raise
