"""A file of a disk that is being read, by threads that the disk may hold up."""

from __future__ import annotations

import asyncio
import errno
import os
import stat
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

_T = TypeVar("_T")


class Opened:
    """One file. Whoever is cancelled waits for no thread: to read changes nothing that anybody could miss later."""

    def __init__(self, threads: ThreadPoolExecutor) -> None:
        """Nothing is opened so far."""
        self._threads = threads
        self._number: int | None = None
        self._last: Future[object] | None = None

    async def open(self, path: Path) -> None:
        """To be called once, and before the others. Raises OSError."""

        def opening() -> None:
            number = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            if stat.S_ISDIR(os.fstat(number).st_mode):
                os.close(number)
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            self._number = number

        await self._do(opening)

    async def read(self, wanted: int, start: int) -> bytes:
        """Up to so many bytes from there on; none at the file's end. Raises OSError."""
        return await self._do(lambda: os.pread(self._opened(), wanted, start))

    def close(self) -> None:
        """Close it as soon as the last thread has let go of it. Waits for nothing."""
        if self._last is not None:
            # The disk may hold up the closing too.
            self._last.add_done_callback(lambda _: self._soon(self._close))

    def _opened(self) -> int:
        if self._number is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        return self._number

    def _close(self) -> None:
        number, self._number = self._number, None
        if number is not None:
            os.close(number)

    def _soon(self, work: Callable[[], None]) -> None:
        try:
            self._threads.submit(work)
        except RuntimeError:  # the threads were let go
            work()

    async def _do(self, work: Callable[[], _T]) -> _T:
        future = self._threads.submit(work)
        self._last = future  # type: ignore[assignment]  # what comes of it is for the one who waits
        return await asyncio.wrap_future(future)
