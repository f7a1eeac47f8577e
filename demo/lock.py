"""One stack a folder: a lock that the kernel releases when everyone who holds it is gone."""

from __future__ import annotations

import fcntl
import json
import os
import time
from pathlib import Path

import psutil


class FolderInUse(Exception):
    """Another stack runs on the folder, or it is another user's."""


class FolderLock:
    """Held by the owner of a stack and by the guards of its parts, who inherit it.

    So a folder whose owner was killed stays locked until the last of its servers has stopped.
    """

    def __init__(self, folder: Path, *, wait: float = 30) -> None:
        """Take the lock.

        Where only servers of a dead owner hold it, wait up to `wait` seconds for them to stop. Raises `FolderInUse`.
        """
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "stack.lock"
        try:
            self.fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except PermissionError as exc:
            raise FolderInUse(f"{folder} belongs to another user; start as that user, or take another folder") from exc
        deadline = time.monotonic() + wait
        while not self._try():
            owner = _owner(path)
            if owner is not None or time.monotonic() > deadline:
                os.close(self.fd)
                who = f"process {owner}" if owner is not None else "servers that do not stop"
                raise FolderInUse(f"a stack runs on {folder} already ({who}); stop it, or take another folder")
            time.sleep(0.05)
        me = psutil.Process()
        os.ftruncate(self.fd, 0)
        os.pwrite(self.fd, json.dumps({"pid": me.pid, "started": me.create_time()}).encode(), 0)

    def release(self) -> None:
        """Let go of it; nothing happens the second time."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def _try(self) -> bool:
        try:
            fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def _owner(path: Path) -> int | None:
    """Process id of the living owner; None where it is dead or has not written itself down yet."""
    try:
        noted = json.loads(path.read_text())
        process = psutil.Process(noted["pid"])
        alive = abs(process.create_time() - noted["started"]) < 1 and process.status() != psutil.STATUS_ZOMBIE
    except (ValueError, psutil.NoSuchProcess):
        return None
    return int(noted["pid"]) if alive else None
