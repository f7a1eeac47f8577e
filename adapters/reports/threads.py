"""Threads for work that takes long, so that others are not held up meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from adapters.reports.finishing import finished

_P = ParamSpec("_P")
_R = TypeVar("_R")


class Threads:
    """A few threads. Each keeps some memory of its own for the next time, so that more of them need more of it."""

    def __init__(self, number: int) -> None:
        """None begins before it is needed."""
        self._threads = ThreadPoolExecutor(number, thread_name_prefix="report-work")

    async def do(self, work: Callable[_P, _R], *arguments: _P.args, **named: _P.kwargs) -> _R:
        """Its result. Whoever is cancelled meanwhile is so once the work has ended."""
        loop = asyncio.get_running_loop()
        return await finished(loop.run_in_executor(self._threads, lambda: work(*arguments, **named)))

    def close(self) -> None:
        """Let them go."""
        self._threads.shutdown(wait=False)
