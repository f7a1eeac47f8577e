"""Has an event loop of another thread run a coroutine, which is made there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


def submit(loop: asyncio.AbstractEventLoop, call: Callable[[], Coroutine[Any, Any, T]]) -> Future[T]:
    """As `asyncio.run_coroutine_threadsafe`, but an interrupt on the way leaves no coroutine that nobody awaits.

    Cancelling the future cancels the call.
    """
    future: Future[T] = Future()

    def begin() -> None:
        if future.cancelled():
            future.set_running_or_notify_cancel()
            return
        task = loop.create_task(call())
        task.add_done_callback(end)
        future.add_done_callback(lambda _: loop.call_soon_threadsafe(task.cancel) if not task.done() else None)

    def end(task: asyncio.Task[T]) -> None:
        if task.cancelled():
            future.cancel()
        error = None if task.cancelled() else task.exception()
        if not future.set_running_or_notify_cancel():
            return
        if error is None:
            future.set_result(task.result())
        else:
            future.set_exception(error)

    loop.call_soon_threadsafe(begin)
    return future
