"""The two sides of a comparison, each as its own processes: a Temporal server and a worker on it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil
from temporalio.client import Client

from demo.temporal_server import TemporalServer


@dataclass
class Side:
    """One of the two: its server, and the process that starts jobs and works on them."""

    name: str
    server: TemporalServer
    worker: subprocess.Popen[bytes]
    client: Client
    workflow_id: Callable[[int], str]

    def tell(self, order_ids: Iterable[int]) -> None:
        """Have the process start the confirmation of these orders."""
        if self.worker.stdin is None:
            raise RuntimeError(f"{self.name} was started without an input")
        self.worker.stdin.write("".join(f"{order_id}\n" for order_id in order_ids).encode())

    def cpu(self) -> tuple[float, float]:
        """CPU seconds of the worker and of the server so far."""
        return _cpu(self.worker.pid), _cpu(self.server.pid)


def _cpu(pid: int | None) -> float:
    if pid is None:
        raise RuntimeError("the process has ended: see its log")
    process = psutil.Process(pid)
    total = 0.0
    for one in [process, *process.children(recursive=True)]:
        times = one.cpu_times()
        total += times.user + times.system
    return total


def spawn(command: Sequence[str], environment: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    """Start a process of the benchmark; its output goes into `log`."""
    with log.open("wb") as out:
        return subprocess.Popen(  # noqa: S603  # our own command
            list(command),
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=subprocess.STDOUT,
            bufsize=0,
        )


@dataclass
class Sink:
    """The process that both sides' mails end in, and the times at which it accepted them."""

    accepted: dict[int, int] = field(default_factory=dict)
    """Order → time of the OK in nanoseconds since the epoch."""
    repeated: int = 0

    def __enter__(self) -> Self:
        """Start it."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.sink"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None  # noqa: S101  # a pipe was asked for
        self.port = int(self._process.stdout.readline())
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def _read(self) -> None:
        assert self._process.stdout is not None  # noqa: S101  # a pipe was asked for
        for line in self._process.stdout:
            order, at = line.split()
            if int(order) in self.accepted:
                self.repeated += 1
            self.accepted.setdefault(int(order), int(at))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait()
        self._reader.join()
