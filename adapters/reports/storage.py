"""What the making of reports needs of the place where their files are kept: a folder, or an S3-compatible store.

Every object is written whole or not at all: nobody ever reads half of one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from domain.reports import Report


class Sink(Protocol):
    """An object that is being written."""

    async def write(self, piece: bytes | memoryview) -> None:
        """Add a piece of any size."""
        ...


@dataclass(frozen=True)
class Stored:
    """An object that is there."""

    key: str
    bytes: int
    modified: datetime


class Storage(Protocol):
    """Objects by keys. Each call may raise a `TransientError`, or a `PermanentError` that names the setting to mend."""

    def writing(self, key: str) -> AbstractAsyncContextManager[Sink]:
        """Write an object, over one that is there. Where the block is left by an exception, nothing has changed."""
        ...

    def reading(
        self, key: str, *, start: int = 0, end: int | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Read an object in pieces of up to some MiB, from its byte `start` to before `end`.

        Raises Gone where it is not there. Whoever reads slowly holds nothing up.
        """
        ...

    def stored(self, prefix: str) -> AsyncIterator[Stored]:
        """Objects whose key begins with a prefix, which ends in a slash."""
        ...

    async def remove(self, keys: Sequence[str]) -> None:
        """Remove objects; those that are not there are none the less gone."""
        ...


PARTS = "parts/"
FILES = "files/"


def part_key(report_id: UUID, part: int) -> str:
    """Where a part is kept until all are joined."""
    return f"{PARTS}{report_id}/{part:05}"


def file_key(report: Report) -> str:
    """Where the finished file is kept. Nothing in it comes from outside but what a request may hold."""
    return f"{FILES}{report.id}/{report.file_name}"
