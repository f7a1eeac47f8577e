"""How the demo is told to end: by a signal, after which it stops in good order, and at once by a second one."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable
from types import FrameType

from adapters.process import leave

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_LONGEST = 30.0
"""Seconds until it ends in any case. The guards of what still runs then stop it."""


class Ending:
    """Make it in the event loop of the main thread."""

    def __init__(self, before_leaving: Callable[[], None]) -> None:
        """`before_leaving` is called where there is no time for good order."""
        self._before_leaving = before_leaving
        self._told = asyncio.Event()
        self.number: signal.Signals | None = None
        """The signal that came."""
        for number in _SIGNALS:
            asyncio.get_running_loop().add_signal_handler(number, self._first, number)

    async def told(self) -> None:
        """Return once a signal has come."""
        await self._told.wait()

    @property
    def status(self) -> int:
        """Exit status of a process that ends by the signal."""
        return 128 + (self.number or 0)

    def _first(self, number: signal.Signals) -> None:
        self.number = number
        self._told.set()
        for each in _SIGNALS:
            # Handled by the interpreter itself from now on, so that a second one works with a blocked loop, too.
            asyncio.get_running_loop().remove_signal_handler(each)
            signal.signal(each, self._second)
        late = threading.Timer(_LONGEST, self._leave)
        late.daemon = True
        late.start()

    def _second(self, _number: int, _frame: FrameType | None) -> None:
        # By a thread: the signal may have interrupted the very code that holds a stream's lock.
        threading.Thread(target=self._leave, name="end", daemon=True).start()

    def _leave(self) -> None:
        self._before_leaving()
        leave(self.status, flush_within=1)
