"""Hands a caller's iterable over to the event loop's thread, piece by piece.

The iterable is taken in the caller's own thread alone: it may read from a database connection that belongs there.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

T = TypeVar("T")

_WANTED, _OVER = True, False

LOOK_EVERY = 0.5
"""Seconds for which a thread waits at a time. A Ctrl-C that comes just before it begins to wait does not end that."""

_TAKE_FOR = 0.01
"""Seconds."""


class Feed(AsyncIterator[T], Generic[T]):
    """Iterated in the loop's thread, by one at a time; `serve` runs in the caller's."""

    def __init__(self, items: Iterable[T], *, at_a_time: int) -> None:
        self._items = iter(items)
        self._at_a_time = at_a_time
        self._asked: SimpleQueue[bool] = SimpleQueue()
        self._waiting: tuple[asyncio.AbstractEventLoop, asyncio.Future[list[T]]] | None = None
        self._here: deque[T] = deque()
        self._broken: Exception | None = None

    async def __anext__(self) -> T:
        if not self._here:
            loop = asyncio.get_running_loop()
            answer: asyncio.Future[list[T]] = loop.create_future()
            self._waiting = loop, answer
            self._asked.put(_WANTED)
            self._here.extend(await answer)
        if not self._here:
            raise StopAsyncIteration
        return self._here.popleft()

    def end(self) -> None:
        """Let `serve` return: nobody will ask for more."""
        self._asked.put(_OVER)

    def serve(self) -> None:
        """Hand over what is asked for, until the end."""
        while self._is_asked():
            if self._waiting is None:
                raise RuntimeError("nobody waits")
            loop, answer = self._waiting
            some = self._take()
            if some or self._broken is None:
                loop.call_soon_threadsafe(_give, answer, some)
            else:
                loop.call_soon_threadsafe(_fail, answer, self._broken)

    def _is_asked(self) -> bool:
        while True:
            with suppress(Empty):
                return self._asked.get(timeout=LOOK_EVERY) is _WANTED

    def _take(self) -> list[T]:
        """Some items: no more than are of use, and no longer than it takes the first ones to be used."""
        some: list[T] = []
        until = time.monotonic() + _TAKE_FOR
        while self._broken is None and len(some) < self._at_a_time and (not some or time.monotonic() < until):
            try:
                some.append(next(self._items))
            except StopIteration:
                break
            except Exception as exc:  # noqa: BLE001  # raised where it is iterated, after the items before it
                self._broken = exc
        return some


def _give(answer: asyncio.Future[list[T]], some: list[T]) -> None:
    if not answer.done():
        answer.set_result(some)


def _fail(answer: asyncio.Future[list[T]], exc: Exception) -> None:
    if not answer.done():
        answer.set_exception(exc)
