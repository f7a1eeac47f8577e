"""`python -m demo` as a process of its own, as `make demo` runs it."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import psutil

_PROJECT = Path(__file__).resolve().parents[2]
_LONGEST = 150.0


@dataclass
class DemoRun:
    """A demo that runs, or ran."""

    process: subprocess.Popen[str]
    folder: Path
    output: str = ""
    everyone: list[psutil.Process] = field(default_factory=list)
    """All processes that it was seen to have started."""

    @classmethod
    def start(cls, folder: Path, *options: str) -> Self:
        process = subprocess.Popen(
            [sys.executable, "-m", "demo", "--any-ports", "--folder", str(folder), *options],
            cwd=_PROJECT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return cls(process, folder)

    def says(self, wanted: str) -> str:
        """Read on until a line holds this; returns the line."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.output += line
            self.note()
            if wanted in line:
                return line
        raise AssertionError(f"{wanted!r} was never said:\n{self.output}")

    def note(self) -> None:
        """Take down who runs now."""
        known = set(self.everyone)
        self.everyone += [child for child in psutil.Process(self.process.pid).children(True) if child not in known]

    def ended(self) -> int:
        """Wait for its end; returns the exit status."""
        assert self.process.stdout is not None
        with self.process.stdout:
            self.output += self.process.stdout.read()
        return self.process.wait(_LONGEST)

    def survivors(self, within: float = 0) -> list[psutil.Process]:
        """Who is there though the demo has ended.

        It says that all is stopped, and gets no time for it then. Where it was killed, its guards take theirs.
        """
        _, alive = psutil.wait_procs(self.everyone, timeout=within)
        return [process for process in alive if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]

    def clean_up(self) -> None:
        """Leave nothing behind, whatever the test has done."""
        if self.process.poll() is None:
            self.process.kill()
        if self.process.stdout is not None:
            self.process.stdout.close()
        self.process.wait()
        psutil.wait_procs(self.everyone, timeout=30)


def wait_for_child(run: DemoRun, program: str, within: float = 60) -> psutil.Process:
    """Wait until one of its processes has this in its command line."""
    until = time.monotonic() + within
    while time.monotonic() < until:
        run.note()
        for process in run.everyone:
            try:
                if any(program in word for word in process.cmdline()[:4]) and "guard.py" not in str(process.cmdline()):
                    return process
            except psutil.NoSuchProcess:
                continue
        time.sleep(0.02)
    raise AssertionError(f"{program} was never started")
