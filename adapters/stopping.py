"""How a process is told to stop: drain at the first signal, end at once at the second, and in any case in the end."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from datetime import timedelta
from types import FrameType

from adapters.process import leave

_log = logging.getLogger(__name__)

MARGIN = timedelta(seconds=5)
"""What a process gets beyond its drain, for cancelled activities to clean up and for adapters to close."""

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_FLUSH_WITHIN = 1.0


class Stop:
    """Waits for the order to stop, and sees to it that it is followed. Make it in the event loop of the main thread."""

    def __init__(self, drain: timedelta, *, status_when_late: int) -> None:
        """`drain` is how long running activities may go on."""
        self._drain = drain
        self._status_when_late = status_when_late
        self._loop = asyncio.get_running_loop()
        self._told = asyncio.Event()
        for number in _SIGNALS:
            self._loop.add_signal_handler(number, self._first, number)

    async def told(self) -> None:
        """Return once the process is to stop."""
        await self._told.wait()

    def parent_ended(self) -> None:
        """Stop because the process that started this one is gone. May be called from any thread."""
        self._loop.call_soon_threadsafe(self.now, "the parent process is gone")

    def now(self, why: str) -> None:
        """Stop. Nothing happens the second time."""
        if self._told.is_set():
            return
        self._told.set()
        _log.info(
            "Stopping: no new tasks are taken, running activities may go on",
            extra={"action": "drain", "why": why, "drain_seconds": self._drain.total_seconds()},
        )
        # A thread's, since an activity may have blocked the event loop.
        late = threading.Timer((self._drain + MARGIN).total_seconds(), self._late)
        late.daemon = True
        late.start()

    def _first(self, number: signal.Signals) -> None:
        self.now(number.name)
        for each in _SIGNALS:
            # Handled by the interpreter itself from now on, so that a second one works with a blocked loop, too.
            self._loop.remove_signal_handler(each)
            signal.signal(each, _second)

    def _late(self) -> None:
        _log.error("The drain did not come to its end, the process ends now", extra={"action": "give-up"})
        leave(self._status_when_late, flush_within=_FLUSH_WITHIN)


def _second(number: int, _: FrameType | None) -> None:
    # Said by a thread: the signal may have interrupted the very code that holds the log's lock.
    def end() -> None:
        _log.warning("Told to stop again: ending at once", extra={"action": "end", "why": signal.Signals(number).name})
        leave(128 + number, flush_within=_FLUSH_WITHIN)

    threading.Thread(target=end, name="end", daemon=True).start()
