"""Several copies of one program: started together, restarted if one ends by itself, drained together.

Each copy holds the reading end of a pipe whose other end only the parent has. When the parent ends, in whatever way,
the kernel closes that end, and the copies see it and drain: none outlives its parent.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import Callable, Sequence

from adapters.process import CANNOT_START, MISCONFIGURED

_log = logging.getLogger(__name__)

RESTART_WAIT = 2.0
"""Seconds before a copy that ended by itself is started again."""


class Supervisor:
    """The parent's side."""

    def __init__(self, command: Callable[[int, int], Sequence[str]], count: int) -> None:
        """`command` makes the command line of a copy from its index and the number of its end of the pipe."""
        self._command = command
        self._count = count
        self._running: dict[int, asyncio.subprocess.Process] = {}
        self._stopping = asyncio.Event()
        self._status = 0

    async def run(self) -> int:
        """Run until SIGTERM or SIGINT, or until a copy cannot run at all; returns the exit status."""
        pipe, held = os.pipe()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._stop, number)
        try:
            await asyncio.gather(*(self._keep(index, pipe) for index in range(self._count)))
        finally:
            os.close(held)
            os.close(pipe)
        return self._status

    def _stop(self, number: signal.Signals) -> None:
        """Forward the signal; a second one too, which ends the copies at once. A copy sees to it that it ends."""
        if not self._stopping.is_set():
            _log.info("Stopping all processes", extra={"action": "stop", "signal": number.name})
        self._stopping.set()
        for process in self._running.values():
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(number)

    async def _keep(self, index: int, pipe: int) -> None:
        started = False
        while not self._stopping.is_set():
            status = await self._run_once(index, pipe)
            about = {"process_index": index, "status": status}
            if self._stopping.is_set():
                # As a shell reports it; 0 if the signal came before the copy had begun to listen.
                shown = 0 if status in (-signal.SIGTERM, -signal.SIGINT) else 128 - status if status < 0 else status
                self._status = self._status or shown
            elif status == MISCONFIGURED or (status == CANNOT_START and not started):
                # The others will fare no better; it has logged why.
                _log.error("A process could not start, all end", extra=about)
                self._status = status
                self._stop(signal.SIGTERM)
            else:
                _log.error("A process ended by itself, it is started again", extra={"action": "restart", **about})
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(RESTART_WAIT):
                        await self._stopping.wait()
            started = True

    async def _run_once(self, index: int, pipe: int) -> int:
        process = await asyncio.create_subprocess_exec(
            *self._command(index, pipe),
            stdin=asyncio.subprocess.DEVNULL,
            pass_fds=[pipe],
            # Ctrl-C in a terminal reaches the whole foreground group; the copies must get it once, from here.
            start_new_session=True,
        )
        self._running[index] = process
        _log.info("Started a process", extra={"action": "start", "process_index": index, "pid": process.pid})
        if self._stopping.is_set():
            process.terminate()
        try:
            return await process.wait()
        finally:
            del self._running[index]
