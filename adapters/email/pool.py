"""The pool of kept connections to the mail server: bounded, in one event loop, connecting only when a mail is there."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from adapters.email.connection import SmtpConnection
from adapters.settings import SmtpSettings
from domain.errors import ConnectionBroken, ServiceUnavailable

Connect = Callable[[], Awaitable[SmtpConnection]]


class Lease:
    """A connection for one mail."""

    def __init__(self, connection: SmtpConnection, connect: Connect) -> None:
        """`connect` opens another one."""
        self.connection = connection
        self._connect = connect

    async def renew(self) -> None:
        """Go on with a new connection instead of a kept one that proved dead. Raises what opening one raises."""
        self.connection.close()
        self.connection = await self._connect()


class ConnectionPool:
    """Lends out connections, at most `settings.connections` at once, those that wait for work included.

    First come, first served, so that how long a mail waits depends only on how many were there before it.
    """

    def __init__(self, settings: SmtpSettings, connect: Connect) -> None:
        """`connect` opens a connection; it is called when a mail needs one and none is kept."""
        self._settings = settings
        self._connect = connect
        self._slots = asyncio.Semaphore(settings.connections)
        self._kept: deque[SmtpConnection] = deque()  # the last one used at the right, so that the others fall idle
        self._sweep: asyncio.TimerHandle | None = None
        self._closed = False
        self.open = 0
        """Connections that are open now, or being opened."""

    @asynccontextmanager
    async def lease(self) -> AsyncIterator[Lease]:
        """Lend a connection for the time of the block; one that is left in the middle of something is never lent again.

        Raises ServiceUnavailable where none becomes free within `wait_timeout`, and what opening one raises.
        """
        await self._take_slot()
        try:
            lease = Lease(self._take_kept() or await self._open(), self._connect)
            try:
                yield lease
            finally:
                self._take_back(lease.connection)
        finally:
            self._slots.release()

    def close(self) -> None:
        """Close what is kept, and from now on whatever comes back."""
        self._closed = True
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        while self._kept:
            self._close(self._kept.pop())

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
            self._close(connection)
        return None

    async def _open(self) -> SmtpConnection:
        self.open += 1
        try:
            return await self._connect()
        except BaseException:
            self.open -= 1
            raise

    def _take_back(self, connection: SmtpConnection) -> None:
        worn = connection.mails >= self._settings.mails_per_connection
        if self._closed or worn or not connection.reusable:
            self._close(connection)
            return
        connection.kept_since = asyncio.get_running_loop().time()
        self._kept.append(connection)
        self._plan_sweep()

    def _close(self, connection: SmtpConnection) -> None:
        connection.close(farewell=True)
        self.open -= 1

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
            self._close(self._kept.popleft())
        self._plan_sweep()
