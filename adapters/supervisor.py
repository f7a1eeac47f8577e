"""Several copies of one program: started together, restarted when one ends unasked, drained together.

Each copy holds the reading end of a pipe whose other end only the parent has. When the parent ends, in whatever way,
the kernel closes that end, and the copies see it and drain: none outlives its parent.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta

_log = logging.getLogger(__name__)

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0
"""Seconds before a copy that ended unasked is started anew; doubling."""

_SETTLED = 60.0
"""A copy that ran for so many seconds starts again from the shortest pause."""

CANNOT_START = 1
"""Exit status of a copy that found no way to start; Python's own, too, where an import fails."""
MISCONFIGURED = 2
"""Exit status of a copy that cannot run with these settings, however often it is started."""
FAILED = 70
"""Exit status of a copy that ended in the midst of its work: EX_SOFTWARE of BSD's sysexits."""


class Supervisor:
    """The parent's side."""

    def __init__(self, command: Callable[[int, int], Sequence[str]], count: int, *, patience: timedelta) -> None:
        """`command` makes the command line of a copy from its index and the number of its end of the pipe.

        A copy that has not ended after `patience` since it was told to is killed.
        """
        self._command = command
        self._count = count
        self._patience = patience.total_seconds()
        self._running: dict[int, asyncio.subprocess.Process] = {}
        self._told: signal.Signals | None = None
        self._stopping = asyncio.Event()
        self._status = 0

    async def run(self) -> int:
        """Run until told to stop by SIGTERM or SIGINT, or until a copy cannot run at all; returns the exit status."""
        pipe, held = os.pipe()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._tell, number)
        try:
            async with asyncio.TaskGroup() as group:
                for index in range(self._count):
                    group.create_task(self._keep(index, pipe))
        finally:
            os.close(held)
            os.close(pipe)
        return self._status

    def _tell(self, number: signal.Signals) -> None:
        """Forward the signal; a second one too, which ends the copies at once."""
        if self._told is None:
            _log.info("Told to stop, so are all processes", extra={"action": "stop", "signal": number.name})
            asyncio.get_running_loop().call_later(self._patience, self._kill)
        self._told = number
        self._stopping.set()
        for process in self._running.values():
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(number)

    def _kill(self) -> None:
        for index, process in self._running.items():
            _log.error("A process did not end, it is killed", extra={"process_index": index, "pid": process.pid})
            self._status = FAILED
            with contextlib.suppress(ProcessLookupError):
                process.kill()

    async def _keep(self, index: int, pipe: int) -> None:
        pause, first = _FIRST_PAUSE, True
        while not self._stopping.is_set():
            began = time.monotonic()
            status = await self._run_once(index, pipe)
            if self._stopping.is_set():
                # What a copy ends with after it was told to is the whole's status too.
                self._status = self._status or _exit_status(status)
                return
            if status == MISCONFIGURED or (first and status == CANNOT_START):
                # The others will fare no better; it has said why itself.
                _log.error("A process could not start, all end", extra={"process_index": index, "status": status})
                self._status = status
                self._tell(signal.SIGTERM)
                return
            first = False
            if time.monotonic() - began >= _SETTLED:
                pause = _FIRST_PAUSE
            _log.error(
                "A process ended unasked, it is started anew",
                extra={"action": "restart", "process_index": index, "status": status, "wait_seconds": pause},
            )
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._stopping.wait()
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _run_once(self, index: int, pipe: int) -> int:
        process = await asyncio.create_subprocess_exec(
            *self._command(index, pipe),
            stdin=asyncio.subprocess.DEVNULL,
            pass_fds=[pipe],
            # Ctrl-C in a terminal reaches the whole foreground group; they must get it once, from here.
            start_new_session=True,
        )
        self._running[index] = process
        _log.info("Started a process", extra={"action": "start", "process_index": index, "pid": process.pid})
        if self._told is not None:
            process.send_signal(self._told)
        try:
            return await process.wait()
        finally:
            del self._running[index]


def when_parent_ends(pipe: int, act: Callable[[], None]) -> None:
    """The copy's side: call `act`, in a thread of its own, as soon as the parent is gone."""

    def watch() -> None:
        while True:
            with contextlib.suppress(InterruptedError):
                if not os.read(pipe, 1):
                    break
        act()

    threading.Thread(target=watch, name="parent", daemon=True).start()


def _exit_status(status: int) -> int:
    """Of a copy that was told to end, as a shell tells it: one that a signal ended has 128 + its number."""
    if status in (-signal.SIGTERM, -signal.SIGINT):
        return 0  # it had not even begun
    return status if status >= 0 else 128 - status
