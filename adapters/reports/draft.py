"""A file that is being written: nobody sees it before it is whole, and safe from a loss of power."""

from __future__ import annotations

import contextlib
import os
import time
import uuid
from pathlib import Path

_DRAFTS = ".drafts"
"""No key begins with a dot."""
_FORGOTTEN = 24 * 60 * 60.0
"""Seconds without a change after which nobody is at work on a draft: its process was killed."""

# Reports are nobody's business but ours; the HTTP interface may run as another user of the same group.
_FILE, _FOLDER = 0o660, 0o770

_CLOSED = -1


class Draft:
    """Each call but the first may come after one that failed, and works on disk: from a thread."""

    def __init__(self, root: Path, target: Path) -> None:
        """`target` lies below `root`, on the same disk."""
        self._drafts = root / _DRAFTS
        self._path = self._drafts / uuid.uuid4().hex
        self._target = target
        self._number = _CLOSED

    def open(self) -> None:
        """Begin; and remove what processes have left that were killed."""
        _make_folder(self._drafts)
        for left in os.scandir(self._drafts):
            with contextlib.suppress(FileNotFoundError):
                if left.stat().st_mtime < time.time() - _FORGOTTEN:
                    Path(left).unlink()
        self._number = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _FILE)

    def write(self, piece: bytes) -> None:
        """Add a piece."""
        rest = memoryview(piece)
        while rest:
            rest = rest[os.write(self._number, rest) :]

    def publish(self) -> None:
        """Put it in its place, over what is there."""
        os.fsync(self._number)
        self._close()
        _make_folder(self._target.parent)
        try:
            self._path.replace(self._target)
        except FileNotFoundError:
            # Somebody has removed the last other file of the folder, and the folder, at this moment.
            _make_folder(self._target.parent)
            self._path.replace(self._target)
        _keep(self._target.parent)

    def discard(self) -> None:
        """Leave nothing of it; does nothing where it was published."""
        self._close()
        self._path.unlink(missing_ok=True)

    def _close(self) -> None:
        number, self._number = self._number, _CLOSED
        if number != _CLOSED:
            os.close(number)


def _make_folder(folder: Path) -> None:
    """With those above it, each of them safe from a loss of power."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    with contextlib.suppress(FileExistsError):
        folder.mkdir(_FOLDER)
        _keep(folder.parent)


def _keep(folder: Path) -> None:
    """What the folder holds, it holds after a loss of power, too."""
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(number)
    finally:
        os.close(number)
