"""The pool of kept connections to the mail server: bounded, in one event loop, connecting only when a mail is there."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TypeVar

from adapters.email.connection import SmtpConnection, StaleConnection
from adapters.settings import SmtpSettings
from domain.errors import ConnectionBroken, ServiceUnavailable

T = TypeVar("T")


class ConnectionPool:
    """Lends out connections, at most `settings.connections` at once, those that wait for work included.

    First come, first served, so that how long a mail waits depends only on how many were there before it.
    """

    def __init__(self, settings: SmtpSettings, connect: Callable[[], Awaitable[SmtpConnection]]) -> None:
        """`connect` opens a connection; it is called when a mail needs one and none is kept."""
        self._settings = settings
        self._connect = connect
        self._slots = asyncio.Semaphore(settings.connections)
        self._kept: deque[SmtpConnection] = deque()  # the last one used at the right, so that the others fall idle
        self._sweep: asyncio.TimerHandle | None = None
        self._closed = False

    async def run(self, use: Callable[[SmtpConnection], Awaitable[T]]) -> T:
        """Use a connection for one mail; if it is a kept one that proves dead, go on with a new one.

        A connection that is left in the middle of something is never used again. Raises ServiceUnavailable if none
        becomes free within `wait_timeout`, and what opening and using one raise.
        """
        await self._take_slot()
        try:
            if (kept := self._take_kept()) is not None:
                with contextlib.suppress(StaleConnection):
                    return await self._used(kept, use)
            return await self._used(await self._connect(), use)
        finally:
            self._slots.release()

    def close(self) -> None:
        """Close what is kept, and from now on whatever comes back."""
        self._closed = True
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        while self._kept:
            self._kept.pop().close(farewell=True)

    async def _take_slot(self) -> None:
        if self._closed:
            raise ConnectionBroken("this process no longer sends mail: it is shutting down")
        try:
            async with asyncio.timeout(self._settings.wait_timeout):
                await self._slots.acquire()
        except TimeoutError:
            raise ServiceUnavailable(
                f"none of {self._settings.connections} connections to the mail server became free in time: look whether"
                " it has become slow (SMTP_CONNECTIONS, SMTP_WAIT_TIMEOUT)"
            ) from None

    def _take_kept(self) -> SmtpConnection | None:
        while self._kept:
            connection = self._kept.pop()
            if connection.reusable and not self._is_idle(connection):
                return connection
            connection.close(farewell=True)
        return None

    async def _used(self, connection: SmtpConnection, use: Callable[[SmtpConnection], Awaitable[T]]) -> T:
        try:
            return await use(connection)
        finally:
            self._take_back(connection)

    def _take_back(self, connection: SmtpConnection) -> None:
        worn = connection.mails >= self._settings.mails_per_connection
        if self._closed or worn or not connection.reusable:
            connection.close(farewell=True)
            return
        connection.kept_since = asyncio.get_running_loop().time()
        self._kept.append(connection)
        self._plan_sweep()

    def _is_idle(self, connection: SmtpConnection) -> bool:
        now = asyncio.get_running_loop().time()
        return connection.kept_since is not None and now - connection.kept_since >= self._settings.idle_limit

    def _plan_sweep(self) -> None:
        """Have idle connections closed though no mail comes: one timer, for the one that has been idle longest."""
        if self._sweep is None and self._kept and (since := self._kept[0].kept_since) is not None:
            due = since + self._settings.idle_limit
            self._sweep = asyncio.get_running_loop().call_at(due, self._sweep_idle)

    def _sweep_idle(self) -> None:
        self._sweep = None
        while self._kept and (self._is_idle(self._kept[0]) or not self._kept[0].reusable):
            self._kept.popleft().close(farewell=True)
        self._plan_sweep()
