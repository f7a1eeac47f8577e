"""Threads for work that takes long, and waiting for work that a cancellation does not stop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

_P = ParamSpec("_P")
_R = TypeVar("_R")


async def finished(work: Awaitable[_R], *, within: float | None = None) -> _R:
    """The result. A cancellation is raised once the work has ended, so that nothing goes on unseen.

    The work must have a time limit of its own. `within`: seconds after a cancellation until the work is cancelled too.
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
            except asyncio.CancelledError:  # it is raised below
                continue
        if not task.cancelled():
            task.exception()  # else it would be logged as never retrieved
        raise


class Threads:
    """A few threads. Each keeps some memory of its own for the next time, so that more of them need more of it."""

    def __init__(self, number: int) -> None:
        self._threads = ThreadPoolExecutor(number, thread_name_prefix="report-work")

    async def do(self, work: Callable[_P, _R], *arguments: _P.args, **named: _P.kwargs) -> _R:
        """The result. A cancellation is raised once the work has ended."""
        loop = asyncio.get_running_loop()
        return await finished(loop.run_in_executor(self._threads, lambda: work(*arguments, **named)))

    def close(self) -> None:
        """Let them go."""
        self._threads.shutdown(wait=False)
