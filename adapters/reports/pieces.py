"""Pieces in which objects are read and written, and the keys that they can have."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

from domain.errors import InvalidRequest

PIECE = 1024 * 1024
"""Bytes that are read or written at a time."""

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*")
_LONGEST_KEY = 500


def checked(key: str) -> str:
    """The key, where an object can have it: so none leads out of the storage. Raises InvalidRequest."""
    if len(key) > _LONGEST_KEY or not _KEY.fullmatch(key):
        raise InvalidRequest("No object of the report storage can have this key.")
    return key


class Gathered:
    """Implements `adapters.reports.storage.Sink`: gathers small pieces, since handing each on would cost more."""

    def __init__(self, write: Callable[[bytes], Awaitable[object]]) -> None:
        """`write` gets pieces of some size, one after the other."""
        self._write = write
        self._gathered = bytearray()

    async def write(self, piece: bytes | memoryview) -> None:
        """See `Sink`."""
        self._gathered += piece
        if len(self._gathered) >= PIECE:
            await self.flush()

    async def flush(self) -> None:
        """Hand on what was gathered."""
        if self._gathered:
            # Copied: the caller may write into its buffer anew.
            gathered, self._gathered = bytes(self._gathered), bytearray()
            await self._write(gathered)
