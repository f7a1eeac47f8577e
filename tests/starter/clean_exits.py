"""Does every process end as it should? `python -m tests.starter.clean_exits`: each command 100 times in a row.

The commands and the worker on this Python; then, on each Python that is here, programs that start jobs and fall off
their end without closing anything (`tests/starter/ending.py`). `--programs` leaves out the first part.

The SDK's core has threads that outlive the event loop; a process that takes the interpreter's own way out aborts,
crashes (134, 139) or hangs now and then. An end is clean where the exit status is the expected one, within the time
limit, and nothing on stderr looks like a crash. The last line of the output is JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from demo.ports import Ports
from demo.stack import Stack
from tests.environments import VERSIONS, interpreter, prepare

LIMIT = 60.0
"""Seconds; a process that takes longer hangs."""

_CRASH = re.compile(r"Traceback|Fatal Python error|panicked|core dumped|Segmentation fault|Aborted")
_ROOT = Path(__file__).parents[2]


@dataclass
class Tally:
    """What was run, and what did not end as it should."""

    runs: dict[str, int] = field(default_factory=dict)
    unclean: list[str] = field(default_factory=list)

    def summary(self) -> dict[str, Any]:
        """For the last line."""
        return {
            "runs": sum(self.runs.values()),
            "unclean": len(self.unclean),
            "ok": not self.unclean,
            "by_command": self.runs,
        }


@dataclass
class Program:
    """Processes of this project, in one environment."""

    environment: Mapping[str, str]
    tally: Tally = field(default_factory=Tally)
    python: str = sys.executable

    async def ends(
        self, what: str, *arguments: str, status: int = 0, says: str = "", then: signal.Signals | None = None
    ) -> None:
        """Run it, once it `says` something send a signal to it, and judge its end."""
        self.tally.runs[what] = self.tally.runs.get(what, 0) + 1
        async with self._started(*arguments) as process:
            try:
                async with asyncio.timeout(LIMIT):
                    if then is not None:
                        await _until(says, process.stdout)
                        process.send_signal(then)
                    out, _ = await process.communicate()
            except TimeoutError:
                self.tally.unclean.append(f"{what}: did not end within {LIMIT:.0f} s")
                return
        text = out.decode(errors="replace")
        if process.returncode != status or _CRASH.search(text):
            end = " | ".join(text.splitlines()[-5:])
            self.tally.unclean.append(f"{what}: exit status {process.returncode} instead of {status}: {end}")

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """A worker beside what is run meanwhile."""
        async with self._started("worker.py") as process:
            await _until('"action": "start"', process.stdout)
            # It must not block on a pipe that nobody reads.
            draining = asyncio.create_task(process.communicate())
            yield
            process.terminate()
            await draining

    @asynccontextmanager
    async def _started(self, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
        process = await asyncio.create_subprocess_exec(
            self.python,
            *arguments,
            cwd=_ROOT,
            env={**os.environ, **self.environment},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
                await process.communicate()


async def _until(text: str, stream: asyncio.StreamReader | None) -> None:
    while stream is not None and (line := await stream.readline()):
        if text in line.decode(errors="replace"):
            return


async def measure(
    environment: Mapping[str, str], times: int, *, first_order: int = 1, say: Callable[[str], None] = lambda _: None
) -> Tally:
    """Run each command so many times on a stack that is set up. None of the orders need be there."""
    program = Program({**environment, "WORKER_HTTP_PORT": "0", "WORKER_LOG_FORMAT": "json"})
    orders = count(first_order)

    def start(*options: str, order: int) -> tuple[str, ...]:
        return ("-m", "starter", "start", "order-confirmation", "--order-id", str(order), *options)

    async def repeat(what: str, once: Callable[[], Coroutine[Any, Any, None]]) -> None:
        before = len(program.tally.unclean)
        for _ in range(times):
            await once()
        say(f"{what}: {times} runs, {len(program.tally.unclean) - before} of them unclean")

    async with program.serving():
        await repeat("jobs start", lambda: program.ends("jobs start", *start(order=next(orders))))
        await repeat(
            "jobs start --wait", lambda: program.ends("jobs start --wait", *start("--wait", order=next(orders)))
        )
        await repeat(
            "jobs start --wait, Ctrl-C",
            lambda: program.ends(
                "jobs start --wait, Ctrl-C",
                *start("--wait", "--delay", "1h", order=next(orders)),
                status=128 + signal.SIGINT,
                says="/workflows/",
                then=signal.SIGINT,
            ),
        )
        await repeat("jobs list", lambda: program.ends("jobs list", "-m", "starter", "list"))
    await repeat(
        "worker, SIGTERM",
        lambda: program.ends("worker, SIGTERM", "worker.py", says='"action": "start"', then=signal.SIGTERM),
    )
    return program.tally


ENDINGS: Mapping[str, tuple[str, ...]] = {
    "SyncJobs, 1 start": ("sync", "1", "--status", "3"),
    "SyncJobs, 50 starts": ("sync", "50"),
    "SyncJobs, wait given up": ("sync", "1", "--wait", "0.2", "--status", "3"),
    "SyncJobs, wait, Ctrl-C": ("sync", "1", "--wait", "60"),
    "SyncJobs, in parent and child": ("sync", "2", "--fork", "--status", "3"),
    "Jobs, 1 start": ("async", "1", "--status", "3"),
    "Jobs, 50 starts": ("async", "50"),
    "Jobs, wait given up": ("async", "1", "--wait", "0.2", "--status", "3"),
}
"""Arguments of `tests/starter/ending.py`."""


async def measure_endings(
    environment: Mapping[str, str],
    times: int,
    *,
    pythons: Mapping[str, str],
    first_order: int = 1_000_000,
    say: Callable[[str], None] = lambda _: None,
) -> Tally:
    """Run each of `ENDINGS` so many times on each Python (name → its path), on a stack that is set up."""
    tally = Tally()
    orders = count(first_order, 1000)
    for version, python in pythons.items():
        program = Program(environment, tally, python)
        for ending, arguments in ENDINGS.items():
            what, before = f"Python {version}: {ending}", len(tally.unclean)
            interrupted = "Ctrl-C" in ending
            status = 130 if interrupted else int(arguments[-1]) if "--status" in arguments else 0
            for _ in range(times):
                await program.ends(
                    what,
                    *("-m", "tests.starter.ending", *arguments, "--first-order", str(next(orders))),
                    status=status,
                    says="waits",
                    then=signal.SIGINT if interrupted else None,
                )
            say(f"{what}: {times} runs, {len(tally.unclean) - before} of them unclean")
    return tally


def pythons_here() -> dict[str, str]:
    """This Python, and the others that are installed here, each with our packages."""
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    found = {version: interpreter(version) for version in VERSIONS if version != here}
    return {here: sys.executable} | {version: prepare(version, python) for version, python in found.items() if python}


def main() -> int:
    """Measure on a stack of its own, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=100, help="runs of each command (default: 100)")
    parser.add_argument("--programs", action="store_true", help="only programs that start jobs")
    chosen = parser.parse_args()
    pythons = pythons_here()

    def say(line: str) -> None:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()

    # Not below a folder that other accounts cannot enter: PostgreSQL runs as its own where we are root.
    folder = Path(tempfile.mkdtemp(prefix="clean-exits-"))
    try:
        with Stack(folder, ports=Ports.free()) as stack:
            program = Program(stack.environment())
            asyncio.run(program.ends("jobs setup", "-m", "starter", "setup"))
            tally = asyncio.run(measure_endings(stack.environment(), chosen.times, pythons=pythons, say=say))
            others = Tally() if chosen.programs else asyncio.run(measure(stack.environment(), chosen.times, say=say))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    for more in (others, program.tally):
        tally.runs |= more.runs
        tally.unclean += more.unclean
    for line in tally.unclean:
        say(line)
    say(json.dumps(tally.summary()))
    return 0 if not tally.unclean else 1


if __name__ == "__main__":
    sys.exit(main())
