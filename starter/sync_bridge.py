"""The one thread, with an event loop, in which all `SyncJobs` of a process make their calls.

It begins with the first call and ends with the process. It also ends before the process forks, with everything of
Temporal's SDK that was made in it: the SDK's core does not survive a fork, and what is left of it in a child crashes.
Parent and child connect again with their next call.
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

from anyio.from_thread import start_blocking_portal
from temporalio.runtime import LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter

from starter.errors import StarterError
from starter.jobs import Jobs
from starter.process_exit import keep_forever, settle_at_exit, wait_until_quiet

T = TypeVar("T")

_POLL_S = 0.5
"""Seconds that a thread waits at a time: a Ctrl-C that comes just before a wait begins does not end that wait."""
_END_WAIT_S = 5.0
"""Seconds that the end of the process or a fork waits for the thread."""
_FORK_WAIT_S = 10.0
"""Seconds that a fork waits for the calls of other threads; starts have ended by then."""

_ERRORS_ONLY = TelemetryConfig(logging=LoggingConfig(filter=TelemetryFilter(core_level="ERROR", other_level="ERROR")))
"""The core would warn on stderr of each call that it tries again; the result of a call is returned or raised."""


class Owner(Protocol):
    """Has one `Jobs` in the thread."""

    pins: ClassVar[bool]
    """What it has opened must not be closed before a fork."""

    async def open(self, runtime: Callable[[], Runtime]) -> Jobs:
        """Connect."""
        ...

    async def shut(self, jobs: Jobs) -> None:
        """Close what `open` opened."""
        ...


class CallTimedOut(Exception):
    """The call did not end within its time."""


class _Bridge:
    """The thread, and what was opened in it."""

    def __init__(self) -> None:
        self.callers: list[int] = []
        """Threads that wait for a call."""
        self._opened: WeakKeyDictionary[Owner, asyncio.Task[Jobs]] = WeakKeyDictionary()
        self._repeatable: set[Future[Any]] = set()
        self._runtime: Runtime | None = None
        self._context = start_blocking_portal(name="SyncJobs")
        self._portal = self._context.__enter__()
        self._thread = self._portal.call(threading.current_thread)

    @property
    def pinned(self) -> bool:
        return any(owner.pins for owner in self._opened)

    @property
    def unused(self) -> bool:
        return not self._opened and not self.callers

    def wait_for(
        self, call: Callable[[], Coroutine[Any, Any, T]], *, until: float | None = None, repeatable: bool = False
    ) -> T:
        """Run a call in the thread. Raises what it raises; CallTimedOut if it has not ended by then."""
        if threading.current_thread() is self._thread:
            raise StarterError("SyncJobs would wait for itself here: use Jobs in asynchronous code.")
        future: Future[T] = self._portal.start_task_soon(call)
        if repeatable:
            self._repeatable.add(future)
        try:
            while not future.done():
                left = _POLL_S if until is None else until - time.monotonic()
                if left <= 0:
                    raise CallTimedOut
                wait([future], min(left, _POLL_S))
            return future.result()
        finally:
            future.cancel()  # after the time is over, or Ctrl-C: its result is not needed
            self._repeatable.discard(future)

    async def jobs_of(self, owner: Owner) -> Jobs:
        """What the owner has opened: once, for all callers. Raises what `open` raises."""
        opening = self._opened.get(owner)
        if opening is None or (opening.done() and (opening.cancelled() or opening.exception() is not None)):
            opening = self._opened[owner] = asyncio.create_task(owner.open(self._made_runtime))
            # Every caller may have been interrupted; asyncio would then report an exception that was never retrieved.
            opening.add_done_callback(lambda task: task.cancelled() or task.exception())
        return await asyncio.shield(opening)

    async def shut(self, owner: Owner) -> None:
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
        with suppress(TimeoutError):  # a call of the SDK's that cannot be cancelled must not keep the process
            self._portal.start_task_soon(self._portal.stop, True).result(_END_WAIT_S)  # True: cancel what remains
        self._thread.join(_END_WAIT_S)
        if self._thread.is_alive():
            keep_forever(self._context)  # closing it would wait for the thread without a limit
        else:
            self._context.__exit__(None, None, None)
        self._opened.clear()
        if with_runtime and self._runtime is not None:
            gc.collect()  # a client refers to itself
            # Dropping it waits for the SDK's threads: none of them may need the interpreter.
            wait_until_quiet()
            self._runtime = None

    def _made_runtime(self) -> Runtime:
        if self._runtime is None:
            self._runtime = Runtime(telemetry=_ERRORS_ONLY)
            settle_at_exit(self._runtime)
        return self._runtime


class _Process:
    """The bridge of this process, if it has one now."""

    def __init__(self) -> None:
        self.id = os.getpid()
        self.changed = threading.Condition()
        self.bridge: _Bridge | None = None
        self.forks = 0
        """Forks under way; several threads can fork at the same time."""
        self.ended = False


_process = _Process()


def run(
    owner: Owner, use: Callable[[Jobs], Awaitable[T]], *, timeout: float | None = None, repeatable: bool = False
) -> T:
    """Call `use` in the thread with what the owner has opened there, and wait up to `timeout` seconds for its end.

    A `repeatable` call delays no fork: it is made again afterwards. Raises what the call raises; CallTimedOut.
    """
    until = None if timeout is None else time.monotonic() + timeout
    while True:
        bridge = _enter()

        async def call(bridge: _Bridge = bridge) -> T:
            return await use(await bridge.jobs_of(owner))

        try:
            return bridge.wait_for(call, until=until, repeatable=repeatable)
        except (CancelledError, RuntimeError):
            if _process.ended:
                # A daemon thread, for which the end of the process does not wait.
                threading.Event().wait()
            if not (repeatable and _process.forks):
                raise
        finally:
            _leave(bridge)


def release(owner: Owner) -> None:
    """Close what the owner has opened, and end the thread if it has no other owner."""
    with _process.changed:
        if _process.bridge is None:
            return
    bridge = _enter()
    try:
        bridge.wait_for(lambda: bridge.shut(owner))
    finally:
        _leave(bridge)
    with _process.changed:
        if _process.bridge is not bridge or not bridge.unused:
            return
        _process.bridge = None
    bridge.end(with_runtime=True)


def _enter() -> _Bridge:
    if _process.id != os.getpid():
        _after_fork_in_child()  # a server written in C forked without Python's handlers
    with _process.changed:
        _process.changed.wait_for(lambda: not _process.forks)
        if _process.ended:
            raise StarterError("This process ends: start jobs before its last moments.")
        if _process.bridge is None:
            _process.bridge = _Bridge()
        _process.bridge.callers.append(threading.get_ident())
        return _process.bridge


def _leave(bridge: _Bridge) -> None:
    with _process.changed:
        bridge.callers.remove(threading.get_ident())
        _process.changed.notify_all()


def _before_fork() -> None:
    with _process.changed:
        _process.forks += 1
        bridge = _process.bridge
        if bridge is None or bridge.pinned or threading.get_ident() in bridge.callers:
            return
        bridge.interrupt()
        if not _process.changed.wait_for(lambda: not bridge.callers, _FORK_WAIT_S):
            return
        _process.bridge = None
    bridge.end(with_runtime=True)


def _after_fork_in_parent() -> None:
    with _process.changed:
        _process.forks -= 1
        _process.changed.notify_all()


def _after_fork_in_child() -> None:
    global _process  # its lock may be held by a thread that the child does not have
    if _process.bridge is not None:
        keep_forever(_process.bridge)  # the child cannot use it, and dropping it would crash
    _process = _Process()


def _at_exit() -> None:
    with _process.changed:
        bridge, _process.bridge, _process.ended = _process.bridge, None, True
    if bridge is not None:
        bridge.end(with_runtime=False)


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
# Runs before the function of `starter.process_exit`, which was registered earlier.
atexit.register(_at_exit)
