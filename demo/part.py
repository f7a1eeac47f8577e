"""A part of the stack: a server in a process of its own, with its log, that can be stopped, killed and restarted."""

from __future__ import annotations

import os
import signal
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar

from demo.guarded import Account, Guarded

Say = Callable[[str], None]
"""Takes one line for the person at the terminal."""

_LOG_LIMIT = 10 * 2**20


def silent(_line: str) -> None:
    """Say nothing."""


class PartFailed(Exception):
    """A part did not start."""

    def __init__(self, part: str, problem: str, *, log: Path | None = None, last_lines: str = "", do: str) -> None:
        """`do` tells what to do about it."""
        self.part, self.log, self.last_lines = part, log, last_lines
        shown = f"\nLast lines of {log}:\n{last_lines}" if last_lines else ""
        super().__init__(f"{part}: {problem}{shown}\n{do}")

    @property
    def port_taken(self) -> bool:
        """True where another program had the port."""
        return any(text in self.last_lines.lower() for text in ("address already in use", "taken by another program"))


class Part(ABC):
    """A server. Subclasses say how it is started and how one sees that it is ready."""

    name: ClassVar[str]
    """For people, and of its log: `logs/<name>.log`."""
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    grace: ClassVar[float] = 10
    """Seconds to stop in good order, before it is killed."""
    start_limit: ClassVar[float] = 30
    """Seconds until it must be ready."""

    def __init__(self, *, log: Path, say: Say = silent, keep_open: Sequence[int] = ()) -> None:
        """The part's guard keeps the file descriptors `keep_open` open until the part is gone."""
        self.log = log.resolve()
        self.say = say
        self.keep_open = keep_open
        self._process: Guarded | None = None
        self._log_start = 0

    @abstractmethod
    def command(self) -> list[str]:
        """Program and arguments."""

    @abstractmethod
    def ready(self) -> bool:
        """Whether it serves, asked once."""

    def prepare(self) -> None:  # noqa: B027 most parts need nothing
        """Make what it needs before it starts."""

    def finish_start(self) -> None:  # noqa: B027 most parts need nothing
        """Do what can be done only once it serves."""

    def account(self) -> Account:
        """The system account it runs as."""
        return Account()

    def environment(self) -> dict[str, str]:
        """Its environment variables."""
        return dict(os.environ)

    @property
    def pid(self) -> int | None:
        """Process id of the server; None while it is not started."""
        return self._process.pid if self._process else None

    @property
    def guard_pid(self) -> int | None:
        """Process id of the server's guard; None while it is not started."""
        return self._process.guard_pid if self._process else None

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.running

    @property
    def died(self) -> bool:
        """True where it ended though nobody called `stop` or `kill`."""
        return self._process is not None and not self._process.running

    def start(self) -> None:
        """Start, and return when it serves. Raises `PartFailed`; nothing is left running then."""
        if self.running:
            return
        self._release()
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self._log_start = self.log.stat().st_size if self.log.exists() else 0
        if self._log_start > _LOG_LIMIT:
            self.log.unlink()
            self._log_start = 0
        try:
            self.prepare()
            self._process = self.spawn(self.command())
            self._wait_until_ready(self._process)
            self.finish_start()
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """Stop in good order; returns when all its processes are gone. Nothing happens where it doesn't run."""
        # Forgotten first: who looks meanwhile whether it died must not take this for it.
        process, self._process = self._process, None
        if process is not None:
            process.stop()

    def kill(self) -> None:
        """Kill it as a crash would (SIGKILL); returns when all its processes are gone."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()

    def restart(self) -> None:
        """Stop it and start it again, on the same ports and data. Raises `PartFailed`."""
        self.stop()
        self.start()

    def last_lines(self, count: int = 15) -> str:
        """The end of what it logged since its last start."""
        if not self.log.exists():
            return ""
        with self.log.open("rb") as file:
            file.seek(max(self._log_start, self.log.stat().st_size - 64 * 1024))
            return "\n".join(file.read().decode(errors="replace").splitlines()[-count:])

    def failure(self, problem: str, do: str) -> PartFailed:
        """Make the error that tells of a failed start."""
        return PartFailed(self.name, problem, log=self.log, last_lines=self.last_lines(), do=do)

    def spawn(self, command: list[str]) -> Guarded:
        """Start a program under a guard, as the part's account, writing to the part's log."""
        with self.log.open("ab") as log:
            return Guarded(
                command,
                log=log,
                environment=self.environment(),
                stop_signal=self.stop_signal,
                grace=self.grace,
                account=self.account(),
                keep_open=self.keep_open,
                cwd=Path("/"),  # another account may have no access to ours
            )

    def _wait_until_ready(self, process: Guarded) -> None:
        deadline = time.monotonic() + self.start_limit
        while not self.ready():
            if not process.running:
                raise self.failure("it ended while starting.", "Mend what the log tells, then start again.")
            if time.monotonic() > deadline:
                raise self.failure(
                    f"it is not ready after {self.start_limit:.0f} s.",
                    "Is the machine very busy? Try again; if it stays so, remove the stack's folder and start anew.",
                )
            time.sleep(0.02)

    def _release(self) -> None:
        """Collect what is left of a process that died."""
        if self._process is not None:
            self._process.stop()
            self._process = None
