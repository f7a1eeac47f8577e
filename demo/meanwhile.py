"""Work that goes on while something else is done, and ends with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

_T = TypeVar("_T")


@asynccontextmanager
async def meanwhile(*work: Coroutine[Any, Any, _T]) -> AsyncIterator[list[asyncio.Task[_T]]]:
    """Run these within the block. What still runs at its end is cancelled, and over when the block is left.

    What a task raises, those hear who await it in the block, and nobody else.
    """
    tasks = [asyncio.create_task(one) for one in work]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
