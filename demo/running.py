"""The life of the demo: start everything, take the tour, stay up, stop everything."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from adapters.process import leave
from demo import programs
from demo.guide import Display, Guide, commands_folder, http_client
from demo.inbox.reader import InboxReader
from demo.part import Part
from demo.ports import Ports
from demo.set_up import set_up
from demo.stack import Stack
from demo.tour import tour

_LOOK_EVERY_S = 0.5


@dataclass(frozen=True)
class Options:
    """The command line."""

    folder: Path
    once: bool
    any_ports: bool
    verbose: bool


class PartDied(Exception):
    """A part ended without being stopped."""

    def __init__(self, parts: list[Part]) -> None:
        """Name all of them, at the end, where one looks first."""
        logs = "\n\n".join(f"last lines of {part.log}:\n{part.last_lines() or '(none)'}" for part in parts)
        super().__init__(f"{logs}\n\nThis part ended unexpectedly: {', '.join(part.name for part in parts)}.")


class Demo:
    """One run of `make demo`."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._display = Display(verbose=options.verbose)
        ports = Ports.free() if options.any_ports else None
        self._stack = Stack(options.folder, ports=ports, say=self._display.line)
        self._staying = False

    async def run(self) -> int:
        """Run until the end; returns the exit status. Raises what `_live` raises, when everything is stopped."""
        body = asyncio.create_task(self._live())
        received: list[signal.Signals] = []

        def end(number: signal.Signals) -> None:
            if received:  # the second one: no time for good order, the kernel ends the servers
                leave(128 + number, flush_within=1)
            received.append(number)
            body.cancel()

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, end, number)
        with suppress(asyncio.CancelledError):
            return await body
        return 0 if self._staying and received == [signal.SIGINT] else 128 + received[0]

    async def _live(self) -> int:
        try:
            async with self._everything() as guide:
                watching = asyncio.create_task(self._watch())
                visiting = asyncio.create_task(self._visit(guide))
                try:
                    await asyncio.wait({watching, visiting}, return_when=asyncio.FIRST_COMPLETED)
                    if watching.done():
                        watching.result()
                    return visiting.result()
                finally:
                    for task in (watching, visiting):
                        task.cancel()
                    await asyncio.wait({watching, visiting})
        finally:
            with suppress(OSError):  # the terminal may be gone
                self._display.line("\nStopping everything …")
            await _to_its_end(self._stack.stop)

    async def _visit(self, guide: Guide) -> int:
        await tour(guide)
        if not self._options.once:
            self._next_steps(guide)
            self._staying = True
            await asyncio.Event().wait()
        return 1 if guide.unmet else 0

    async def _watch(self) -> None:
        """Raises `PartDied` as soon as one has."""
        while not (dead := self._stack.died()):  # noqa: ASYNC110  # processes have no event
            await asyncio.sleep(_LOOK_EVERY_S)
        raise PartDied(dead)

    @asynccontextmanager
    async def _everything(self) -> AsyncIterator[Guide]:
        stack, display = self._stack, self._display
        began = time.monotonic()
        display.line("Starting Temporal, PostgreSQL, a mail server and a payment provider …")
        await _to_its_end(stack.start)
        done = await set_up(stack)
        url = f"http://127.0.0.1:{stack.ports.api}"
        settings = {**stack.environment(), "REPORTS_URL": url}
        api = programs.api(settings, port=stack.ports.api, **stack.options("api"))
        worker = programs.worker(settings, port=stack.ports.worker, **stack.options("worker"))
        await _to_its_end(lambda: stack.run(api, worker))
        stack.keep({"JOBS_API_URL": url, "JOBS_API_KEY": done.api_key, "REPORTS_URL": url})
        display.line(f"Ready after {time.monotonic() - began:.0f} s; a worker and the shop's HTTP interface run, too.")
        display.line(f"   Temporal's Web UI: {stack.web_ui}   mails: {stack.inbox_url}")
        async with AsyncExitStack() as leaving:
            inbox = await leaving.enter_async_context(InboxReader(stack.inbox_url))
            headers = {"Authorization": f"Bearer {done.api_key}"}
            http = await leaving.enter_async_context(http_client(url, headers=headers))
            yield Guide(stack, api, worker, done.client, inbox, http, display)

    def _next_steps(self, guide: Guide) -> None:
        display, stack = self._display, self._stack
        display.heading("Everything stays up until Ctrl-C. In another terminal, in this folder:")
        display.line(f"   set -a; . {stack.folder / 'env'}; set +a")
        display.line(f"   {commands_folder()}jobs list")
        display.line(f"   {commands_folder()}jobs start order-confirmation --order-id 1100 --wait")
        display.line(f"   {commands_folder()}temporal workflow list --query \"ExecutionStatus='Failed'\"")
        for what, where in (
            ("HTTP interface", f"{guide.api.url}/openapi.json"),
            ("metrics", f"{guide.worker.url}/metrics"),
            ("logs", stack.folder / "logs"),
        ):
            display.detail(f"{what}: {where}")


async def _to_its_end(act: Callable[[], None]) -> None:
    """Run it in a thread; if we are cancelled meanwhile, wait for its end: what it starts must be known to us."""
    running = asyncio.ensure_future(asyncio.to_thread(act))
    try:
        await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait({running})
        running.exception()  # nothing else retrieves it
        raise
