"""A thread with an event loop, one for all `SyncJobs` of a process.

It begins with the first call, and ends when the process does. Before the process forks it ends too, with everything of
Temporal's SDK that was made in it: the SDK's core does not outlive a fork, and what is left of it in a child crashes.
Parent and child both begin anew with their next call.
"""

from __future__ import annotations

import asyncio
import atexit
import gc
import os
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import CancelledError, Future, wait
from contextlib import suppress
from typing import Any, ClassVar, Protocol, TypeVar
from weakref import WeakKeyDictionary

from temporalio.runtime import LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter

from starter.errors import StarterError
from starter.exiting import keep_for_ever, settle_at_exit, wait_until_quiet
from starter.feeding import LOOK_EVERY, Feed
from starter.jobs import Jobs
from starter.submitting import submit

T = TypeVar("T")

_FORK_WAITS = 10.0
"""Seconds that a fork waits for other threads' calls; a start's are over by then."""
_END_WAITS = 5.0

_ERRORS_ALONE = TelemetryConfig(logging=LoggingConfig(filter=TelemetryFilter(core_level="ERROR", other_level="ERROR")))
"""It would warn on stderr of each call that it tries again; what a call comes to is raised."""


class Owner(Protocol):
    """Whose `Jobs` live in the thread."""

    pins: ClassVar[bool]
    """What it has opened must not be closed before a fork."""

    async def open(self, runtime: Callable[[], Runtime]) -> Jobs:
        """Connect."""
        ...

    async def shut(self, jobs: Jobs) -> None:
        """Close what `open` opened."""
        ...


class TookTooLong(Exception):
    """The call was given up."""


class Background:
    """The thread, and what was opened in it."""

    def __init__(self) -> None:
        self.callers: list[int] = []
        """Threads that wait for a call."""
        self._loop = asyncio.new_event_loop()
        self._opened: WeakKeyDictionary[Owner, asyncio.Task[Jobs]] = WeakKeyDictionary()
        self._repeatable: set[Future[Any]] = set()
        self._runtime: Runtime | None = None
        self._thread = threading.Thread(target=self._loop.run_forever, name="SyncJobs", daemon=True)
        self._thread.start()

    @property
    def pinned(self) -> bool:
        """Whether something is open that must stay so."""
        return any(owner.pins for owner in self._opened)

    @property
    def unused(self) -> bool:
        """Whether nothing is open, and nobody waits."""
        return not self._opened and not self.callers

    def wait_for(
        self,
        call: Callable[[], Coroutine[Any, Any, T]],
        *,
        until: float | None = None,
        repeatable: bool = False,
        feed: Feed[Any] | None = None,
    ) -> T:
        """Run it in the thread. Raises what it raises; TookTooLong where it has not ended by then."""
        if threading.current_thread() is self._thread:
            raise StarterError("SyncJobs would wait for itself here: use Jobs in asynchronous code.")
        future = submit(self._loop, call)
        if repeatable:
            self._repeatable.add(future)
        try:
            if feed is not None:
                future.add_done_callback(lambda _: feed.end())
                feed.serve()
            while not future.done():
                left = LOOK_EVERY if until is None else until - time.monotonic()
                if left <= 0:
                    raise TookTooLong
                wait([future], min(left, LOOK_EVERY))
            return future.result()
        finally:
            # Given up, or Ctrl-C: nobody waits for it any more.
            future.cancel()
            self._repeatable.discard(future)

    async def jobs_of(self, owner: Owner) -> Jobs:
        """What the owner has opened, for all who ask at the same time. Raises what `open` raises."""
        opening = self._opened.get(owner)
        if opening is None or (opening.done() and (opening.cancelled() or opening.exception() is not None)):
            opening = self._opened[owner] = asyncio.create_task(owner.open(self._made_runtime))
            # Looked at, though everyone who asked may have been interrupted.
            opening.add_done_callback(lambda task: task.cancelled() or task.exception())
        return await asyncio.shield(opening)

    async def shut(self, owner: Owner) -> None:
        """Close what the owner has opened."""
        opening = self._opened.pop(owner, None)
        if opening is not None:
            with suppress(StarterError):  # it could not be opened
                await owner.shut(await opening)

    def interrupt(self) -> None:
        """Cancel the calls that can be made again."""
        for future in list(self._repeatable):
            future.cancel()

    def end(self, *, with_runtime: bool) -> None:
        """End the thread. With its runtime the SDK's threads end too, unless something still refers to it."""
        with suppress(TimeoutError):
            submit(self._loop, self._cancel_all).result(_END_WAITS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_END_WAITS)
        if not self._thread.is_alive():
            self._loop.close()
        self._opened.clear()
        if with_runtime and self._runtime is not None:
            gc.collect()  # a client refers to itself
            # Dropping it waits for the SDK's threads: none of them may be in need of the interpreter.
            wait_until_quiet()
            self._runtime = None

    async def _cancel_all(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await self._loop.shutdown_asyncgens()

    def _made_runtime(self) -> Runtime:
        if self._runtime is None:
            self._runtime = Runtime(telemetry=_ERRORS_ALONE)
            settle_at_exit(self._runtime)
        return self._runtime


class _Process:
    """What a process has of this: at most one thread."""

    def __init__(self) -> None:
        self.id = os.getpid()
        self.changed = threading.Condition()
        self.current: Background | None = None
        self.forks = 0
        """Under way, by several threads at a time."""
        self.ended = False


_process = _Process()


def run(
    owner: Owner,
    use: Callable[[Jobs], Awaitable[T]],
    *,
    timeout: float | None = None,
    repeatable: bool = False,
    feed: Feed[Any] | None = None,
) -> T:
    """Call `use` in the thread with what the owner has opened there, and wait for its end, `timeout` seconds at most.

    A `repeatable` call holds up no fork: it is made again afterwards. `feed` is served meanwhile. Raises what the call
    raises; TookTooLong.
    """
    until = None if timeout is None else time.monotonic() + timeout
    while True:
        background = _enter()

        async def call(there: Background = background) -> T:
            return await use(await there.jobs_of(owner))

        try:
            return background.wait_for(call, until=until, repeatable=repeatable, feed=feed)
        except CancelledError:
            if _process.ended:
                # This thread is no part of what the process ends with.
                threading.Event().wait()
            if not (repeatable and _process.forks):
                raise
        finally:
            _leave(background)


def release(owner: Owner) -> None:
    """Close what the owner has opened, and end the thread where nobody else needs it."""
    with _process.changed:
        if _process.current is None:
            return
    background = _enter()
    try:
        background.wait_for(lambda: background.shut(owner))
    finally:
        _leave(background)
    with _process.changed:
        if _process.current is not background or not background.unused:
            return
        _process.current = None
    background.end(with_runtime=True)


def _enter() -> Background:
    if _process.id != os.getpid():
        _after_fork_in_child()  # by a server written in C that does not tell Python
    with _process.changed:
        _process.changed.wait_for(lambda: not _process.forks)
        if _process.ended:
            raise StarterError("This process ends: start jobs before its last moments.")
        if _process.current is None:
            _process.current = Background()
        _process.current.callers.append(threading.get_ident())
        return _process.current


def _leave(background: Background) -> None:
    with _process.changed:
        background.callers.remove(threading.get_ident())
        _process.changed.notify_all()


def _before_fork() -> None:
    with _process.changed:
        _process.forks += 1
        background = _process.current
        if background is None or background.pinned or threading.get_ident() in background.callers:
            return
        background.interrupt()
        if not _process.changed.wait_for(lambda: not background.callers, _FORK_WAITS):
            return
        _process.current = None
    background.end(with_runtime=True)


def _after_fork_in_parent() -> None:
    with _process.changed:
        _process.forks -= 1
        _process.changed.notify_all()


def _after_fork_in_child() -> None:
    global _process  # its lock may be held by a thread that is not here
    if _process.current is not None:
        # Nothing can be done with it here, and dropping it would crash.
        keep_for_ever(_process.current)
    _process = _Process()


def _at_exit() -> None:
    with _process.changed:
        background, _process.current, _process.ended = _process.current, None, True
    if background is not None:
        background.end(with_runtime=False)


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
# Before the one of `starter.exiting`, which was registered earlier.
atexit.register(_at_exit)
