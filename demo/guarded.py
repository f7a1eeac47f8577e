"""The owner's side of a guard: start a program so that it cannot outlive this process."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

_GUARD = Path(__file__).with_name("guard.py")


@dataclass(frozen=True)
class Account:
    """The system account that a program runs as, where it is not our own."""

    uid: int = -1
    gid: int = -1


class Guarded:
    """A running program with its guard."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        log: IO[bytes],
        environment: Mapping[str, str],
        stop_signal: signal.Signals = signal.SIGTERM,
        grace: float = 10,
        account: Account | None = None,
        keep_open: Sequence[int] = (),
        cwd: Path | None = None,
    ) -> None:
        """Start the program.

        `grace` is how many seconds it gets to stop before it is killed. `log` takes what it writes. The guard, not the
        program, inherits the file descriptors `keep_open`.
        """
        account = account or Account()
        facts = [os.getpid(), int(stop_signal), grace, account.uid, account.gid]
        self._guard = subprocess.Popen(  # noqa: S603 the guard, with a command that the stack's parts make
            [sys.executable, "-I", "-S", str(_GUARD), *map(str, facts), *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env=dict(environment),
            pass_fds=keep_open,
            cwd=cwd,
            # Ctrl-C in a terminal reaches every process of the foreground group: it is for the owner alone.
            start_new_session=True,
        )
        self._orders = cast("IO[bytes]", self._guard.stdin)
        self._news = cast("IO[bytes]", self._guard.stdout)
        word, number = self._read()
        self.pid: int | None = int(number) if word == "pid" else None
        """Process id of the program, not of its guard; None where it could not be started."""

    @property
    def guard_pid(self) -> int:
        """Process id of the guard."""
        return self._guard.pid

    @property
    def running(self) -> bool:
        """False once the program and everything that it started are gone."""
        return self._guard.poll() is None

    def wait(self) -> int:
        """Wait for the program to end by itself; returns its exit status, negative for a signal."""
        word, number = self._read()
        self._finish()
        return int(number) if word == "exit" else -signal.SIGKILL

    def stop(self) -> None:
        """Stop the program in good order; returns when it and everything that it started are gone."""
        self._finish()

    def kill(self) -> None:
        """Kill the program at once; returns when it and everything that it started are gone."""
        if not self._orders.closed:
            with contextlib.suppress(OSError):  # it may have ended a moment ago
                self._orders.write(b"kill\n")
                self._orders.flush()
        self._finish()

    def _read(self) -> tuple[str, str]:
        word, _, number = self._news.readline().decode().partition(" ")
        return word, number

    def _finish(self) -> None:
        for pipe in (self._orders, self._news):
            with contextlib.suppress(OSError):
                pipe.close()
        self._guard.wait()
