"""A real SMTP server on a loopback socket, which misbehaves exactly as it is told.

    async with SmtpServer() as server:
        sender = SmtpMailSender(SmtpSettings(host=server.host, port=server.port), MailSettings())

        # by recipient: one step for each of her mails, then all is well again
        server.script("alice@example.com", [Reply(451, "4.3.0 later"), Drop(at=Phase.dot, accepted=True), ACCEPT])
        # by phase: one step each time that any connection comes there
        server.script(Phase.mail, [Reply(421, "4.3.2 closing"), ACCEPT, Hang()])
        # for ever
        server.script("nobody@example.com", repeat(Reply(550, "5.1.1 unknown")))
        ...
        assert [mail.recipients for mail in server.mails] == [("alice@example.com",)]
        assert server.mails[0].parsed["Subject"] == "Your order"
        assert server.violations == []

`Reply`, `Drop` and `Hang` of a recipient happen at RCPT unless `at=` says DATA, body or dot. Steps are taken from any
iterable, so a generator can draw them at random; a new script for the same recipient or phase replaces the old one.

What a server offers is told to its constructor: `offer` (EHLO keywords), `users` (names and passwords; AUTH is then
offered and required), `mechanisms`, `starttls=context` or `tls=context` (server-side SSL contexts), `idle_limit`
(seconds after which it says 421 and closes), `receive_buffer` (bytes; small, so that a large mail is still on its way
when the connection breaks).

It keeps `mails`, `commands` (with connection and time), `connections` (all so far), `open` and `peak` (at once), and
`violations`: what a client did that the protocol forbids, such as a second MAIL FROM within one mail.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import TracebackType
from typing import Self

from tests.smtp_script import ACCEPT, OF_A_MAIL, Accept, Command, Drop, Hang, Phase, ReceivedMail, Reply, Step
from tests.smtp_session import Session

__all__ = ["ACCEPT", "Accept", "Command", "Drop", "Hang", "Phase", "ReceivedMail", "Reply", "SmtpServer", "Step"]

USUAL = ("8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "SIZE 33554432")


class SmtpServer:
    """The server; see the top of this file. An async context manager."""

    host = "127.0.0.1"

    def __init__(
        self,
        *,
        offer: Iterable[str] = USUAL,
        users: Mapping[str, str] | None = None,
        mechanisms: Iterable[str] = ("PLAIN", "LOGIN"),
        starttls: ssl.SSLContext | None = None,
        tls: ssl.SSLContext | None = None,
        idle_limit: float | None = None,
        receive_buffer: int | None = None,
    ) -> None:
        self.offer = tuple(offer)
        self.users = dict(users or {})
        self.mechanisms = tuple(mechanisms)
        self.starttls = starttls
        self.tls = tls
        self.idle_limit = idle_limit
        self.port = 0
        self.mails: list[ReceivedMail] = []
        self.commands: list[Command] = []
        self.violations: list[str] = []
        self.connections = 0
        self.peak = 0
        self._receive_buffer = receive_buffer
        self._scripts: dict[str, Iterator[Step]] = {}
        self._sessions: dict[Session, asyncio.Task[None]] = {}
        self._server: asyncio.Server | None = None

    @property
    def open(self) -> int:
        """Connections open now."""
        return len(self._sessions)

    def script(self, target: str | Phase, steps: Iterable[Step]) -> None:
        """Say what happens to the next mails of a recipient, or the next times that a phase is reached."""
        self._scripts[target.lower()] = iter(steps)

    def next_step(self, target: str | Phase) -> Step:
        """Take the next step of a script; ACCEPT where there is none left."""
        step = next(self._scripts.get(target.lower(), iter(())), ACCEPT)
        if not isinstance(target, Phase) and step.at not in OF_A_MAIL:
            raise ValueError(f"a recipient's step cannot happen at {step.at}: script the phase")
        return step

    def verbs(self) -> list[str]:
        """All commands so far, without their arguments."""
        return [command.verb for command in self.commands]

    async def close_idle(self, *, farewell: bool = True) -> None:
        """Close every connection that waits for a command, with a 421 or without; returns when they are closed."""
        for session in [s for s in self._sessions if s.idle]:
            session.hang_up(farewell=farewell)
        await self.until(lambda: not any(s.idle for s in self._sessions))

    async def until(self, condition: Callable[[], bool], seconds: float = 10) -> None:
        """Wait until something is so. Raises TimeoutError after so many seconds."""
        async with asyncio.timeout(seconds):
            while not condition():  # noqa: ASYNC110  any condition over what the server keeps, so there is no one event
                await asyncio.sleep(0.002)

    async def start(self, port: int = 0) -> None:
        """Listen on a free port, or on the one given (after a `stop`, to come back where it was)."""
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if self._receive_buffer is not None:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._receive_buffer)
        listener.bind((self.host, port))
        self._server = await asyncio.start_server(self._serve, sock=listener, ssl=self.tls)
        self.port = listener.getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and cut all connections."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for session, task in list(self._sessions.items()):
            session.cut()
            task.cancel()
        await asyncio.gather(*self._sessions.values(), return_exceptions=True)
        self._sessions.clear()
        await asyncio.sleep(0)  # sockets are closed in the event loop's next round

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        session = Session(self, reader, writer, self.connections)
        task = asyncio.current_task()
        assert task is not None
        self._sessions[session] = task
        self.peak = max(self.peak, len(self._sessions))
        try:
            await session.run()
        except asyncio.CancelledError:
            pass  # `stop` did it; a cancelled task of a stream server would be logged as an error
        except (OSError, EOFError, ssl.SSLError):
            pass  # the client went away
        except Exception as exc:  # noqa: BLE001  a fault of a script has to reach the test, which looks at violations
            self.violations.append(f"the server itself failed: {exc!r}")
        finally:
            self._sessions.pop(session, None)
            session.cut()
