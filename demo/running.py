"""The life of the demo: start everything, take the tour, stay up, stop everything."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import httpx
from pydantic import SecretStr

from adapters.db.engine import make_engine
from adapters.settings import DatabaseSettings
from demo import api_part, beside, next_steps, worker_part
from demo.api_part import ApiPart
from demo.blocking import to_its_end
from demo.display import Display, ReaderLeft
from demo.ending import Ending
from demo.payments.callbacks import CallbackSettings
from demo.payments.controller import ProviderController
from demo.ports import Ports
from demo.set_up import SetUp, set_up
from demo.shop_client import ShopClient
from demo.stack import Death, Stack
from demo.tour import tour
from demo.worker_part import WorkerPart
from domain.errors import JobError
from starter import Jobs, StarterError

_LOOK_EVERY = 0.5

_ProgramT = TypeVar("_ProgramT", bound=beside.ProgramPart)


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


@dataclass(frozen=True)
class _Everything:
    """What is up."""

    set_up: SetUp
    worker: WorkerPart
    api: ApiPart


class Demo:
    """One run of `make demo`."""

    def __init__(self, options: Options, display: Display) -> None:
        """Nothing runs yet."""
        self._options = options
        self._display = display
        ports = Ports.free() if options.any_ports else None
        self._stack = Stack(options.folder, ports=ports, say=display.line)
        self._beside: list[beside.ProgramPart] = []
        """Our own programs that were started, whatever has become of them."""
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
        async with self._everything() as everything:
            watching = asyncio.create_task(self._watch())
            visiting = asyncio.create_task(self._visit(everything))
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

    async def _visit(self, everything: _Everything) -> int:
        display, stack, jobs = self._display, self._stack, Jobs(everything.set_up.client, web_ui=self._stack.web_ui)
        engine = make_engine(
            DatabaseSettings(url=SecretStr(stack.database_url)), application_name="demo-tour", pooled=False
        )
        try:
            async with ShopClient(everything.api.url, everything.set_up.api_key) as shop:
                seen = await tour(stack, shop, jobs, engine, display, next_steps.commands_folder())
        finally:
            await engine.dispose()
        if self._options.once:
            return 0 if seen.held else 1
        next_steps.show(stack, everything.worker, everything.api, seen, display)
        self._staying = True
        await asyncio.Event().wait()
        return 0

    async def _watch(self) -> None:
        """Raises `PartDied` as soon as one has."""
        while not (deaths := self._deaths()):  # noqa: ASYNC110  # nobody tells when a process ends
            await asyncio.sleep(_LOOK_EVERY)
        raise PartDied(deaths)

    def _deaths(self) -> list[Death]:
        ours = [Death(part.name, part.log, part.last_lines()) for part in self._beside if part.died]
        return self._stack.died() + ours

    @asynccontextmanager
    async def _everything(self) -> AsyncIterator[_Everything]:
        display, stack = self._display, self._stack
        began = time.perf_counter()
        display.line(f"Starting Temporal, PostgreSQL, a mail inbox and a payment provider in {stack.folder} …")
        try:
            await to_its_end(stack.start)
            done = await set_up(stack)
            await to_its_end(self._start_beside)
            worker, api = self._started(WorkerPart), self._started(ApiPart)
            stack.keep({"JOBS_API_URL": api.url, "JOBS_API_KEY": done.api_key, "REPORTS_URL": api.url})
            async with ProviderController(stack.payments_url) as provider:
                # All of them: a tour that was killed may have left it misbehaving.
                await provider.callbacks(**CallbackSettings(url=f"{api.url}/webhooks/payments").model_dump())
            new = f", {done.loaded} orders loaded" if done.loaded else ""
            display.line(
                f"Everything is up after {time.perf_counter() - began:.1f} s{new}: a worker takes jobs, an HTTP "
                f"interface takes orders."
            )
            display.link("Web UI", stack.web_ui)
            display.link("inbox", stack.inbox_url)
            yield _Everything(done, worker, api)
        finally:
            try:
                if stack.parts:
                    with suppress(OSError, ReaderLeft):  # the terminal may be gone
                        display.line("\nStopping everything …")
                await to_its_end(self._stop_beside)
            finally:
                await to_its_end(stack.stop)

    def _start_beside(self) -> None:
        """Start the HTTP interface, then the worker, whose mails have links to it."""
        self._start(ApiPart, api_part.USUAL_PORT)
        self._start(WorkerPart, worker_part.USUAL_PORT, {"REPORTS_URL": self._started(ApiPart).url})

    def _start(self, kind: type[beside.ProgramPart], usual_port: int, more: Mapping[str, str] | None = None) -> None:
        stack, say = self._stack, self._display.line

        def make(port: int) -> beside.ProgramPart:
            log = stack.folder / "logs" / f"{kind.name}.log"
            settings = {**stack.environment(), **(more or {})}
            return kind(settings, port=port, log=log, say=say, keep_open=stack.keep_open)

        self._beside.append(beside.start(make, usual_port, any_port=self._options.any_ports, say=say))

    def _started(self, kind: type[_ProgramT]) -> _ProgramT:
        return next(part for part in self._beside if isinstance(part, kind))

    def _stop_beside(self) -> None:
        with ThreadPoolExecutor() as pool:
            stops = [pool.submit(part.stop) for part in self._beside]
        for stop in stops:
            stop.result()
