"""The life of the demo: start everything, take the tour, stay up, stop everything."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
from pydantic import SecretStr

from adapters.db.engine import make_engine
from adapters.settings import DatabaseSettings
from demo import next_steps
from demo.display import Display, ReaderLeft
from demo.ending import Ending
from demo.ports import Ports
from demo.set_up import set_up
from demo.stack import Death, Stack
from demo.tour import tour
from demo.worker_part import WorkerPart, start_worker
from domain.errors import JobError
from starter import Jobs, StarterError

_LOOK_EVERY = 0.5


@dataclass(frozen=True)
class Options:
    """What the command line says."""

    folder: Path
    once: bool
    any_ports: bool


class PartDied(Exception):
    """A part ended though nobody stopped it."""

    def __init__(self, deaths: list[Death]) -> None:
        """Tell of all of them."""
        # The name at the end, where one looks first.
        logs = "\n\n".join(f"last lines of {d.log}:\n{d.last_lines or '(none)'}" for d in deaths)
        super().__init__(f"{logs}\n\nThis part ended, though nobody stopped it: {', '.join(d.part for d in deaths)}.")


class Demo:
    """One run of `make demo`."""

    def __init__(self, options: Options, display: Display) -> None:
        """Nothing runs yet."""
        self._options = options
        self._display = display
        ports = Ports.free() if options.any_ports else None
        self._stack = Stack(options.folder, ports=ports, say=display.line)
        self._worker: WorkerPart | None = None
        self._staying = False

    async def run(self) -> int:
        """Run until the end; returns the exit status.

        Raises `PartDied`, `PartFailed`, `FolderInUse`, `JobError`s and `StarterError`s, when everything is stopped.
        """
        ending = Ending(self._display.give_back)
        body = asyncio.create_task(self._live())
        told = asyncio.create_task(ending.told())
        await asyncio.wait({body, told}, return_when=asyncio.FIRST_COMPLETED)
        if not body.done():
            body.cancel()
        with suppress(asyncio.CancelledError):
            return await body
        return 0 if self._staying and ending.number is signal.SIGINT else ending.status

    async def _live(self) -> int:
        async with self._everything() as jobs:
            watching = asyncio.create_task(self._watch())
            visiting = asyncio.create_task(self._visit(jobs))
            try:
                await asyncio.wait({watching, visiting}, return_when=asyncio.FIRST_COMPLETED)
                if visiting.done() and isinstance(visiting.exception(), (JobError, StarterError, httpx.HTTPError)):
                    # It may be because a part has died: then that is what to tell.
                    await asyncio.wait({watching}, timeout=2 * _LOOK_EVERY)
                if watching.done():
                    watching.result()
                return visiting.result()
            finally:
                for task in (watching, visiting):
                    task.cancel()
                await asyncio.wait({watching, visiting})

    async def _visit(self, jobs: Jobs) -> int:
        display, stack = self._display, self._stack
        engine = make_engine(
            DatabaseSettings(url=SecretStr(stack.database_url)), application_name="demo-tour", pooled=False
        )
        try:
            visit, held = await tour(stack, jobs, engine, display, next_steps.commands_folder())
        finally:
            await engine.dispose()
        if self._options.once:
            return 0 if held else 1
        if self._worker is not None:
            next_steps.show(stack, self._worker, visit, display)
        self._staying = True
        await asyncio.Event().wait()
        return 0

    async def _watch(self) -> None:
        """Raises `PartDied` as soon as one has."""
        while not (deaths := self._deaths()):  # noqa: ASYNC110  # nobody tells when a process ends
            await asyncio.sleep(_LOOK_EVERY)
        raise PartDied(deaths)

    def _deaths(self) -> list[Death]:
        deaths = self._stack.died()
        if self._worker is not None and self._worker.died:
            deaths.append(Death(self._worker.name, self._worker.log, self._worker.last_lines()))
        return deaths

    @asynccontextmanager
    async def _everything(self) -> AsyncIterator[Jobs]:
        display, stack = self._display, self._stack
        began = time.perf_counter()
        display.line(f"Starting Temporal, PostgreSQL and a mail inbox in {stack.folder} …")
        try:
            await _to_its_end(stack.start)
            client, loaded = await set_up(stack)
            await _to_its_end(self._start_worker)
            new = f", {loaded} orders loaded" if loaded else ""
            display.line(f"Everything is up after {time.perf_counter() - began:.1f} s{new}, and a worker takes jobs.")
            display.link("Web UI", stack.web_ui)
            display.link("inbox", stack.inbox_url)
            yield Jobs(client, web_ui=stack.web_ui)
        finally:
            try:
                if stack.parts:
                    with suppress(OSError, ReaderLeft):  # the terminal may be gone
                        display.line("\nStopping everything …")
                if self._worker is not None:
                    await _to_its_end(self._worker.stop)
            finally:
                await _to_its_end(stack.stop)

    def _start_worker(self) -> None:
        stack = self._stack
        self._worker = start_worker(
            stack.environment(),
            log=stack.folder / "logs" / "worker.log",
            say=self._display.line,
            keep_open=stack.keep_open,
            any_port=self._options.any_ports,
        )


async def _to_its_end(act: Callable[[], None]) -> None:
    """Run it in a thread; where we are cancelled meanwhile, wait for its end: what it starts must be known to us."""
    running = asyncio.ensure_future(asyncio.to_thread(act))
    try:
        await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait({running})
        running.exception()  # nobody asks for it any more
        raise
