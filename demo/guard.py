"""A guard: starts one server as its child, and lets it outlive neither its owner nor itself.

Run by path, with nothing but the standard library, by `demo.guarded`. Its standard input is a pipe whose other end only
the owner holds. When the owner ends, in whatever way, the kernel closes that end, and the guard stops the server. Since
the guard itself is the server's parent, there is no moment in which the server runs unguarded, and its process id
cannot be given to another process before the guard has seen its end.

    guard.py OWNER_PID STOP_SIGNAL GRACE_SECONDS UID GID COMMAND...     (UID and GID are -1 for no change)

It writes `pid <n>` when the server runs and `exit <status>` when it and all that it started are gone. A line `kill` on
standard input kills the server at once, the input's end stops it in good order.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

_LINUX = sys.platform == "linux"
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def _prctl(option: int, value: int) -> None:
    if _LINUX:
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


class Guard:
    """One server and what it started."""

    def __init__(self, command: list[str], *, stop_signal: int, grace: float, uid: int, gid: int) -> None:
        """Start the server. `grace` is how many seconds it gets between the stop signal and SIGKILL."""
        self._stop_signal = stop_signal
        self._grace = grace
        # What the server leaves behind when it crashes becomes the guard's child, so that it can be found and ended.
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)
        guard = os.getpid()

        def tie_to_guard() -> None:
            # For the case that someone kills the guard itself. It is set after the change of user, which clears it.
            _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != guard:
                os._exit(1)

        self._server = subprocess.Popen(  # noqa: S603 the command that the owner gave it
            command,
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
            stderr=sys.stderr,
            start_new_session=True,
            preexec_fn=tie_to_guard,
            user=uid if uid >= 0 else None,
            group=gid if gid >= 0 else None,
            extra_groups=[] if uid >= 0 else None,
        )
        self.pid = self._server.pid
        self.status: int | None = None

    def reap(self) -> bool:
        """Collect those that have ended; tell whether the server is among them, now or before."""
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    break
                if pid == self.pid:
                    self.status = self._server.returncode = os.waitstatus_to_exitcode(status)
        return self.status is not None

    def stop(self) -> None:
        """Ask the server to stop, and wait for it as long as the grace lasts."""
        if not self.reap():
            os.kill(self.pid, self._stop_signal)
        until = time.monotonic() + self._grace
        while not self.reap() and time.monotonic() < until:
            time.sleep(0.02)

    def clear(self) -> None:
        """Kill the server, if it still runs, and everything that it left behind; return when nothing is left."""
        if not self.reap():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
        while left := [*([] if self.reap() else [self.pid]), *_children()]:
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.01)
            self.reap()


def _children() -> list[int]:
    """Process ids of this process's children, orphans that it took over included; zombies don't count."""
    me, found = str(os.getpid()), []
    for entry in Path("/proc").glob("[0-9]*/stat") if _LINUX else ():
        with contextlib.suppress(OSError):
            # The name in parentheses may hold anything; behind it come the state and the parent.
            state, parent = entry.read_text(errors="replace").rpartition(")")[2].split()[:2]
            if parent == me and state != "Z":
                found.append(int(entry.parent.name))
    return found


def _tell(line: str) -> None:
    with contextlib.suppress(OSError):  # the owner may be gone
        os.write(1, f"{line}\n".encode())


def main(argv: list[str]) -> None:
    """Guard until the server has ended, by itself or because the owner wants it or is gone."""
    owner, stop_signal, grace, uid, gid = int(argv[0]), int(argv[1]), float(argv[2]), int(argv[3]), int(argv[4])
    wake, waker = os.pipe()
    os.set_blocking(waker, False)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    asked: list[int] = []
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGTERM, lambda *_: asked.append(signal.SIGTERM))
    for ignored in (signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(ignored, signal.SIG_IGN)

    guard = Guard(argv[5:], stop_signal=stop_signal, grace=grace, uid=uid, gid=gid)
    _tell(f"pid {guard.pid}")
    # The owner's process id is looked at too: a process that the owner forked may hold the pipe's other end open.
    while not guard.reap() and not asked and os.getppid() == owner:
        ready, _, _ = select.select([0, wake], [], [], 1.0)
        if wake in ready:
            os.read(wake, 4096)
        if 0 in ready:
            if b"kill" not in os.read(0, 64):
                break
            guard.clear()
    guard.stop()
    guard.clear()
    _tell(f"exit {guard.status}")


if __name__ == "__main__":
    main(sys.argv[1:])
