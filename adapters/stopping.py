"""How a process is told to stop: drain at the first signal, end at once at the second, and in any case in the end."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
from collections.abc import Sequence
from datetime import timedelta
from types import FrameType

from temporalio.worker import Worker

from adapters.process import leave

_log = logging.getLogger(__name__)

MARGIN = timedelta(seconds=5)
"""What a process gets beyond its drain, for cancelled activities to clean up and for adapters to close."""

_CLEAN_UP = timedelta(seconds=1)
"""For activities that the SDK has cancelled."""

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

    def when_parent_ends(self, pipe: int) -> None:
        """Stop as soon as the process that started this one is gone, and the other end of `pipe` with it."""

        def watch() -> None:
            os.read(pipe, 1)  # nothing is ever written there
            self._loop.call_soon_threadsafe(self.now, "the parent process is gone")

        threading.Thread(target=watch, name="parent", daemon=True).start()

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
        for each in _SIGNALS:
            # Handled by the interpreter itself from now on, so that a second one works with a blocked loop, too.
            self._loop.remove_signal_handler(each)
            signal.signal(each, _second)
        self.now(number.name)

    def _late(self) -> None:
        _log.error("The drain did not come to its end, the process ends now", extra={"action": "give-up"})
        leave(self._status_when_late, flush_within=_FLUSH_WITHIN)


async def drain(workers: Sequence[Worker], limit: timedelta) -> None:
    """Shut workers down that were made with this limit, and wait for them not much longer.

    When the limit is over, the SDK cancels regular activities, but lets local ones run on to their own time limits.
    Those are left behind unfinished, to end with the process: Temporal gives their jobs to another worker.
    """
    ends = [asyncio.create_task(worker.shutdown()) for worker in workers]
    _, late = await asyncio.wait(ends, timeout=(limit + _CLEAN_UP).total_seconds())
    if late:
        _log.warning("The drain is over, another worker does again what still runs", extra={"action": "end"})
    else:
        _log.info("Drained: nothing runs any more", extra={"action": "end"})


def _second(number: int, _: FrameType | None) -> None:
    # Said by a thread: the signal may have interrupted the very code that holds the log's lock.
    def end() -> None:
        _log.warning("Told to stop again: ending at once", extra={"action": "end", "why": signal.Signals(number).name})
        leave(128 + number, flush_within=_FLUSH_WITHIN)

    threading.Thread(target=end, name="end", daemon=True).start()
