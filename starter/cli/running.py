"""Runs a command's coroutine so that Ctrl-C and SIGTERM end it in good order."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from adapters.process import leave

Result = TypeVar("Result")


class Interrupted(Exception):
    """Someone asked the command to stop."""

    def __init__(self, signum: signal.Signals) -> None:
        super().__init__(signum.name)
        self.status = 128 + signum
        """Exit status as shells have it: 130 for Ctrl-C, 143 for SIGTERM."""


def run(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """Run it to its end; the first signal cancels it, so that it can say goodbye, a second one ends the process.

    Raises Interrupted where a signal cut it short.
    """
    caught: list[signal.Signals] = []

    async def supervised() -> Result:
        work = asyncio.ensure_future(coroutine)

        def stop(signum: signal.Signals) -> None:
            if caught:
                leave(128 + signum)
            caught.append(signum)
            work.cancel()

        if threading.current_thread() is threading.main_thread():  # no other one gets signals
            loop = asyncio.get_running_loop()
            for signum in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(signum, stop, signum)
        return await work

    try:
        return asyncio.run(supervised())
    except asyncio.CancelledError:
        if caught:
            raise Interrupted(caught[0]) from None
        raise
