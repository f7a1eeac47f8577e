"""A part of the stack: a server in a process of its own, with its log, that can be stopped, killed and restarted."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import time
import urllib.request
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ClassVar, NamedTuple

import psutil

Say = Callable[[str], None]
"""Takes one line for the person at the terminal."""

_TIE = Path(__file__).with_name("tie.py")
_LOG_LIMIT = 10 * 2**20

# A tied process is killed when the thread that started it ends: so one thread starts all, and ends with this process.
_STARTER = ThreadPoolExecutor(1, thread_name_prefix="starter-of-parts")

# The environment may name a proxy, which has no business with the loopback interface.
_HTTP = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def silent(_line: str) -> None:
    """Say nothing."""


def answer(url: str) -> bytes | None:
    """The body of a 200; None for anything else."""
    try:
        with _HTTP.open(url, timeout=2) as response:
            return bytes(response.read())
    except (OSError, http.client.HTTPException):
        return None


class Account(NamedTuple):
    """A system account to run as; -1 for ours."""

    uid: int = -1
    gid: int = -1


class PartFailed(Exception):
    """A part did not start."""

    def __init__(self, part: str, problem: str, *, log: Path | None = None, last_lines: str = "", do: str) -> None:
        """`do` says what to do about it."""
        self.last_lines = last_lines
        shown = f"\nLast lines of {log}:\n{last_lines}" if last_lines else ""
        super().__init__(f"{part}: {problem}{shown}\n{do}")

    @property
    def port_taken(self) -> bool:
        """True if another program had the port."""
        return "address already in use" in self.last_lines.lower()


class Part(ABC):
    """A server. Subclasses define how it is started and how to see that it is ready."""

    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    start_limit_s: ClassVar[float] = 180

    def __init__(
        self, name: str, *, log: Path, say: Say = silent, keep_open: Sequence[int] = (), grace_s: float = 10
    ) -> None:
        """The process inherits the file descriptors `keep_open`; it gets `grace_s` to stop before it is killed."""
        self.name = name
        self.log = log.resolve()
        self.say = say
        self.keep_open = keep_open
        self.grace_s = grace_s
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    @abstractmethod
    def command(self) -> list[str]:
        """Program and arguments."""

    @abstractmethod
    def ready(self) -> bool:
        """Whether it serves, asked once."""

    @abstractmethod
    def environment(self) -> dict[str, str]:
        """Its environment variables."""

    def prepare(self) -> None:  # noqa: B027  # most parts need nothing
        """Make what it needs before it starts."""

    def finish_start(self) -> None:  # noqa: B027  # most parts need nothing
        """Do what can be done only once it serves."""

    def account(self) -> Account:
        """The account that it runs as."""
        return Account()

    @property
    def pid(self) -> int | None:
        """Process id of the server; None while it is not started."""
        return self._process.pid if self._process else None

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    @property
    def died(self) -> bool:
        """True if it ended without a call of `stop` or `kill`."""
        return self._process is not None and self._process.poll() is not None

    def start(self) -> None:
        """Start, and return when it serves. Raises `PartFailed`; nothing is left running then."""
        if self.running:
            return
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
        """Stop in good order; returns when all its processes are gone. Does nothing if it does not run."""
        self._end(self.stop_signal)

    def kill(self) -> None:
        """Kill it as a crash would (SIGKILL); returns when all its processes are gone."""
        self._end(signal.SIGKILL)

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
        """The error for a failed start."""
        return PartFailed(self.name, problem, log=self.log, last_lines=self.last_lines(), do=do)

    def spawn(self, command: list[str]) -> subprocess.Popen[bytes]:
        """Start a program that does not outlive this process, as the part's account, writing to the part's log."""
        tie = [sys.executable, "-I", "-S", str(_TIE), str(os.getpid()), *map(str, self.account())]
        with self.log.open("ab") as log:
            return _STARTER.submit(
                subprocess.Popen,
                [*tie, *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.environment(),
                pass_fds=self.keep_open,
                cwd="/",  # another account may have no access to ours
                # Ctrl-C in a terminal reaches every process of the foreground group: it is for the owner only.
                start_new_session=True,
            ).result()

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + self.start_limit_s
        while not self.ready():
            if process.poll() is not None:
                raise self.failure("it ended while starting.", "Fix what the log shows, then start again.")
            if time.monotonic() > deadline:
                raise self.failure(
                    f"it is not ready after {self.start_limit_s:.0f} s.",
                    "Is the machine very busy? Try again; if it stays so, remove the stack's folder and start again.",
                )
            time.sleep(0.02)

    def _end(self, number: signal.Signals) -> None:
        # Forgotten first, so that nobody takes a part that is being stopped for one that died.
        process, self._process = self._process, None
        if process is None:
            return
        try:
            family = psutil.Process(process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            family = []
        process.send_signal(number)
        try:
            process.wait(self.grace_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        _, left = psutil.wait_procs(family, timeout=1)
        for each in left:
            each.kill()
        psutil.wait_procs(left)
