"""Keeps reports in a folder of a disk that all who need them share."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from adapters.reports.draft import Draft
from adapters.reports.finishing import finished
from adapters.reports.folder_errors import translated
from adapters.reports.opened import Opened
from adapters.reports.pieces import PIECE, Gathered, checked
from adapters.reports.storage import Sink, Stored

_T = TypeVar("_T")

_THREADS = 8
"""Of their own: a disk that hangs is not to hold up what else waits for threads, such as looking up addresses."""


class Folder:
    """Implements `adapters.reports.storage.Storage`."""

    def __init__(self, root: Path) -> None:
        """Nothing is made before something is written."""
        self._root = root
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="report-storage")
        self.place = f"folder {root}"

    @asynccontextmanager
    async def writing(self, key: str) -> AsyncIterator[Sink]:
        """See `Storage`."""
        draft = Draft(self._root, self._root / checked(key))
        sink = Gathered(lambda piece: self._do(draft.write, piece))
        try:
            await self._do(draft.open)
            yield sink
            await sink.flush()
            await self._do(draft.publish)
        except BaseException:
            with contextlib.suppress(Exception):
                await self._do(draft.discard)
            raise

    @asynccontextmanager
    async def reading(self, key: str, *, start: int = 0, end: int | None = None) -> AsyncIterator[AsyncIterator[bytes]]:
        """See `Storage`."""
        opened = Opened(self._threads)
        path = self._root / checked(key)
        try:
            with translated(self._root):
                await opened.open(path)
            yield self._pieces(opened, start, end)
        finally:
            opened.close()

    async def _pieces(self, opened: Opened, start: int, end: int | None) -> AsyncIterator[bytes]:
        while wanted := PIECE if end is None else min(PIECE, max(0, end - start)):
            with translated(self._root):
                piece = await opened.read(wanted, start)
            if not piece:
                return
            start += len(piece)
            yield piece

    async def stored(self, prefix: str) -> AsyncIterator[Stored]:
        """See `Storage`."""
        folder = self._root / checked(prefix.rstrip("/"))
        for found in await self._do(lambda: list(_below(self._root, folder))):
            yield found

    async def remove(self, keys: Sequence[str]) -> None:
        """See `Storage`."""
        paths = [self._root / checked(key) for key in keys]
        await self._do(self._remove, paths)

    def _remove(self, paths: Sequence[Path]) -> None:
        for path in paths:
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                path.unlink()
            for folder in path.parents:
                if folder == self._root:
                    break
                try:
                    folder.rmdir()
                except OSError:  # others are in it, or it is gone
                    break

    async def aclose(self) -> None:
        """Let its threads go."""
        self._threads.shutdown(wait=False)

    async def _do(self, work: Callable[..., _T], *arguments: object) -> _T:
        """Do it in a thread, whose end whoever is cancelled waits for: what it writes is not to be gone on with later.

        Raises a JobError.
        """
        with translated(self._root):
            return await finished(asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments))


def _below(root: Path, folder: Path) -> Iterator[Stored]:
    for place, _, names in os.walk(folder, onerror=_unless_gone):
        for name in names:
            path = Path(place, name)
            with contextlib.suppress(FileNotFoundError):
                known = path.stat()
                modified = datetime.fromtimestamp(known.st_mtime, UTC)
                yield Stored(path.relative_to(root).as_posix(), known.st_size, modified)


def _unless_gone(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error
