"""One stack per folder: a lock that the kernel releases when the last process that holds it is gone."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

import psutil


class FolderInUse(Exception):
    """Another stack runs on the folder, or it belongs to another user."""


class FolderLock:
    """Held by the owner of a stack and by its servers, which inherit it.

    So a folder whose owner was killed stays locked until the last of its servers has ended.
    """

    def __init__(self, folder: Path, *, wait_s: float = 30) -> None:
        """Take the lock. If only servers of a dead owner hold it, wait for their end. Raises `FolderInUse`."""
        folder.mkdir(parents=True, exist_ok=True)
        try:
            self.fd = os.open(folder / "stack.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except PermissionError as exc:
            raise FolderInUse(f"{folder} belongs to another user; start as that user, or take another folder") from exc
        deadline = time.monotonic() + wait_s
        while True:
            try:
                fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                owner = os.pread(self.fd, 20, 0).decode()
                if _lives(owner) or time.monotonic() > deadline:
                    os.close(self.fd)
                    raise FolderInUse(
                        f"a stack runs on {folder} already (process {owner}); stop it, or take another folder"
                    ) from None
            time.sleep(0.05)
        os.ftruncate(self.fd, 0)
        os.pwrite(self.fd, str(os.getpid()).encode(), 0)

    def release(self) -> None:
        """Let go of it."""
        os.close(self.fd)


def _lives(pid: str) -> bool:
    try:
        return psutil.Process(int(pid)).status() != psutil.STATUS_ZOMBIE
    except (ValueError, psutil.NoSuchProcess):  # not written yet, or ended
        return False
