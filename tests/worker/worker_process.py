"""The worker as operators run it: a process of its own, whose log and endpoints one can look at."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

import httpx

from tests.processes.fork_server import python

WORKER = Path(__file__).parents[2] / "worker.py"
_LONGEST = 60

Line = dict[str, Any]


class WorkerProcess:
    """A worker that runs, and what it has said so far."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.lines: list[Line] = []
        self.errors = ""
        self._news = asyncio.Condition()
        self._silent = False
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, environment: Mapping[str, str], *arguments: str) -> Self:
        process = await asyncio.create_subprocess_exec(
            *python(),
            str(WORKER),
            *arguments,
            env=dict(environment),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        return cls(process)

    async def says(self, message: str, *, count: int = 1, where: Callable[[Line], bool] = lambda _: True) -> Line:
        """Wait for the nth line with this in its message."""

        def found() -> list[Line]:
            return [line for line in self.lines if message in line["message"] and where(line)]

        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LONGEST), self._news:
                await self._news.wait_for(lambda: len(found()) >= count or self._silent)
        assert len(found()) >= count, f"{message!r} was never said: {self.lines} {self.errors}"
        return found()[count - 1]

    async def takes_jobs(self) -> Line:
        return await self.says("The worker takes jobs")

    async def get(self, path: str, *, address: str | None = None) -> httpx.Response:
        """Ask one of the endpoints, once the worker takes jobs unless the address is known."""
        address = address or (await self.takes_jobs())["http"]
        async with httpx.AsyncClient(trust_env=False, timeout=20) as http:
            return await http.get(address + path)

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    async def ended(self) -> int:
        """Wait until the process and all that share its output are gone; returns the exit status."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LONGEST):
                await asyncio.shield(self._reading)
                return await self._process.wait()
        raise AssertionError(f"it did not end: {self.lines} {self.errors}")

    async def end(self) -> None:
        """Leave nothing behind, whatever the test has done."""
        if self._process.returncode is None:
            self._process.kill()
        await self.ended()

    async def _read(self) -> None:
        await asyncio.gather(self._read_log(), self._read_errors())
        async with self._news:
            self._silent = True
            self._news.notify_all()

    async def _read_log(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            async with self._news:
                self.lines.append(json.loads(line))
                self._news.notify_all()

    async def _read_errors(self) -> None:
        assert self._process.stderr is not None
        self.errors = (await self._process.stderr.read()).decode()


async def output_of(environment: Mapping[str, str], *arguments: str) -> tuple[int, str, str]:
    """Run a worker that ends by itself; returns its status, output and errors."""
    process = await asyncio.create_subprocess_exec(
        *python(),
        str(WORKER),
        *arguments,
        env=dict(environment),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(_LONGEST):
        out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


def clean_environment() -> dict[str, str]:
    """Ours, without what would configure a worker."""
    ours = ("TEMPORAL_", "WORKER_", "DATABASE_", "SMTP_", "MAIL_")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}
