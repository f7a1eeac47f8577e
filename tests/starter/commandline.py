"""The command line as people and scripts run it: in a process of its own, or in this one, which is ten times faster."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import threading
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import Any
from unittest import mock

from starter.cli import app
from tests.processes.fork_server import python

_one_at_a_time = threading.Lock()


@dataclass(frozen=True)
class Finished:
    """What a command left behind."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The JSON document; there must be nothing else on stdout."""
        return json.loads(self.out)


class Running:
    """A command that is still at work."""

    def __init__(self, process: asyncio.subprocess.Process, within: float) -> None:
        self._process = process
        self._within = within
        self._out = ""
        self._err = ""

    async def says(self, text: str) -> None:
        """Wait until stdout holds the text."""
        self._out += await _until(text, self._process.stdout)

    async def warns(self, text: str) -> None:
        """Wait until stderr holds the text."""
        self._err += await _until(text, self._process.stderr)

    def send(self, signum: signal.Signals) -> None:
        self._process.send_signal(signum)

    async def finished(self) -> Finished:
        async with asyncio.timeout(self._within):
            out, err = await self._process.communicate()
        assert self._process.returncode is not None
        return Finished(self._process.returncode, self._out + out.decode(), self._err + err.decode())


async def _until(text: str, stream: asyncio.StreamReader | None) -> str:
    assert stream is not None
    read = ""
    async with asyncio.timeout(30):
        while text not in read:
            line = await stream.readline()
            assert line, f"it ended, having said only {read!r}"
            read += line.decode()
    return read


class CommandLine:
    """Runs `python -m starter` in an environment."""

    def __init__(self, environment: Mapping[str, str], *, within: float = 60) -> None:
        """`within`: seconds that a command may take."""
        # Nothing of ours but what a test says; a terminal's width and colours are no matter here.
        ours = {
            key: value for key, value in os.environ.items() if not key.startswith(("TEMPORAL_", "DATABASE_", "JOBS_"))
        }
        self._within = within
        self.environment: Mapping[str, str] = {**ours, "COLUMNS": "200", "NO_COLOR": "1", **environment}

    async def __call__(self, *arguments: object, **variables: str) -> Finished:
        """Run it to its end."""
        return await (await self.begin(*arguments, **variables)).finished()

    async def answering(self, answer: str, *arguments: object) -> Finished:
        """Run it to its end; what it asks is answered so."""
        process = await self._start(arguments, {}, stdin=asyncio.subprocess.PIPE)
        assert process.stdin is not None
        process.stdin.write(answer.encode())
        process.stdin.close()
        return await Running(process, self._within).finished()

    async def begin(self, *arguments: object, **variables: str) -> Running:
        process = await self._start(arguments, variables, stdin=asyncio.subprocess.DEVNULL)
        return Running(process, self._within)

    async def _start(
        self, arguments: tuple[object, ...], variables: Mapping[str, str], *, stdin: int
    ) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *(*python(), "-m", "starter", *map(str, arguments)),
            env={**self.environment, **variables},
            stdin=stdin,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )


class InProcess(CommandLine):
    """Runs what it runs to the end in this process; what is to get an answer or a signal, in one of its own."""

    async def __call__(self, *arguments: object, **variables: str) -> Finished:
        return await asyncio.to_thread(self._run, [*map(str, arguments)], {**self.environment, **variables})

    def _run(self, arguments: list[str], environment: Mapping[str, str]) -> Finished:
        out, err = io.StringIO(), io.StringIO()
        with (
            _one_at_a_time,
            mock.patch.dict(os.environ, environment, clear=True),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            status = app.run(arguments, "python -m starter")
        return Finished(status, out.getvalue(), err.getvalue())
