"""A real SMTP server on a loopback socket, which misbehaves exactly as a test scripts it.

    async with SmtpServer() as server:
        sender = SmtpMailSender(SmtpSettings(host=server.host, port=server.port), MailSettings())

        # by recipient: one step for each mail, then all is well again
        server.script("alice@example.com", [Reply(451, "4.3.0 later"), Drop(at=Phase.dot, accepted=True), ACCEPT])
        # by phase: one step each time that any connection comes there
        server.script(Phase.mail, [Reply(421, "4.3.2 closing"), ACCEPT, Hang()])
        # permanently
        server.script("nobody@example.com", repeat(Reply(550, "5.1.1 unknown")))

A recipient's step happens at RCPT unless `at=` names DATA, body or dot. Not aiosmtpd: it can neither cut a connection
in the middle of a phase nor see what comes before its answer.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import re
import socket
import ssl
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from enum import StrEnum
from functools import cached_property
from typing import Self

USUAL = ("8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "SIZE 33554432")
END = b"\r\n.\r\n"


class Phase(StrEnum):
    """Where in a session something can happen: the answer to a command, or one of the moments between."""

    greeting = "greeting"
    ehlo = "EHLO"
    starttls = "STARTTLS"
    tls = "TLS handshake after STARTTLS"
    auth = "AUTH"
    mail = "MAIL"
    rcpt = "RCPT"
    data = "DATA"
    body = "body"
    """While the text arrives, before the final dot."""
    dot = "dot"
    """The answer after the final dot."""
    rset = "RSET"
    noop = "NOOP"
    quit = "QUIT"


@dataclass(frozen=True)
class Accept:
    """Go on as a healthy server, after some seconds."""

    at: Phase = Phase.rcpt
    after: float = 0


@dataclass(frozen=True)
class Reply:
    """Answer this instead; the connection is closed after 421. After the final dot the mail is kept if it is 2xx."""

    code: int
    text: str = ""
    at: Phase = Phase.rcpt


@dataclass(frozen=True)
class Drop:
    """Cut the connection instead of answering: at `body` after so many bytes, at `dot` perhaps with the mail kept."""

    at: Phase = Phase.rcpt
    after: int = 0
    accepted: bool = False


@dataclass(frozen=True)
class Hang:
    """Never answer; at `body`, never read; at `dot` perhaps with the mail kept."""

    at: Phase = Phase.rcpt
    accepted: bool = False


Step = Accept | Reply | Drop | Hang
ACCEPT = Accept()


@dataclass(frozen=True)
class ReceivedMail:
    """A mail that the server accepted."""

    sender: str
    recipients: tuple[str, ...]
    options: tuple[str, ...]
    """Parameters of MAIL FROM, in capitals."""
    raw: bytes
    """As transmitted, the dots that SMTP doubles taken out."""
    connection: int
    encrypted: bool
    user: str | None

    @cached_property
    def parsed(self) -> EmailMessage:
        """The message with its headers decoded (but for addresses beyond ASCII: look for those in `raw`)."""
        message = BytesParser(policy=policy.default).parsebytes(self.raw)
        assert isinstance(message, EmailMessage)
        return message

    def faults(self) -> list[str]:
        """What RFC 5321, 5322, 6152 or 6531 forbid in this message, given what its envelope declared."""
        eight_bit = not self.raw.isascii() and "BODY=8BITMIME" not in self.options
        headers = not self.raw.partition(b"\r\n\r\n")[0].isascii() and "SMTPUTF8" not in self.options
        found = {
            "bare CR or LF": re.search(rb"\r(?!\n)|(?<!\r)\n", self.raw) is not None,
            "line of more than 998 bytes": max(map(len, self.raw.split(b"\r\n"))) > 998,
            "8-bit text without BODY=8BITMIME": eight_bit,
            "8-bit headers without SMTPUTF8": headers,
        }
        return [fault for fault, is_so in found.items() if is_so]


class SmtpServer:
    """The server; see the top of this file. An async context manager.

    `violations` keeps what a client did that the protocol forbids, such as a second MAIL FROM within one mail.
    """

    host = "127.0.0.1"

    def __init__(
        self,
        *,
        offer: Iterable[str] = USUAL,
        users: Mapping[str, str] | None = None,
        mechanisms: Iterable[str] = ("PLAIN", "LOGIN"),
        starttls: ssl.SSLContext | None = None,
        tls: ssl.SSLContext | None = None,
        receive_buffer: int | None = None,
    ) -> None:
        """`users` have to log in. With a small `receive_buffer` a large mail is on its way for a while."""
        self.offer, self.mechanisms = tuple(offer), tuple(mechanisms)
        self.users = dict(users or {})
        self.starttls, self.tls = starttls, tls
        self.port = self.connections = self.peak = 0
        self.mails: list[ReceivedMail] = []
        self.commands: list[str] = []
        self.violations: list[str] = []
        self.reached: list[Phase] = []
        self._receive_buffer = receive_buffer
        self._scripts: dict[str, Iterator[Step]] = {}
        self._sessions: dict[_Session, asyncio.Task[None]] = {}
        self._server: asyncio.Server | None = None

    @property
    def open(self) -> int:
        """Connections open now."""
        return len(self._sessions)

    def script(self, target: str | Phase, steps: Iterable[Step]) -> None:
        """Say what happens to the next mails of a recipient, or the next times that a phase is reached."""
        self._scripts[target.lower()] = iter(steps)

    def next_step(self, target: str | Phase) -> Step:
        """Take the next step of a script; ACCEPT if there is none left."""
        return next(self._scripts.get(target.lower(), iter(())), ACCEPT)

    def verbs(self) -> list[str]:
        """All commands so far, without their arguments."""
        return [command.partition(" ")[0].upper() for command in self.commands]

    async def close_idle(self, *, farewell: bool = True) -> None:
        """Close every connection that waits for a command, with a 421 or without; returns when they are closed."""
        for session in [each for each in self._sessions if each.idle]:
            session.hang_up(farewell=farewell)
        await self.until(lambda: not any(session.idle for session in self._sessions))

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until a condition holds. Raises TimeoutError."""
        async with asyncio.timeout(30):
            while not condition():  # noqa: ASYNC110  # any condition over what the server keeps, so there is no one event
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

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        session = _Session(self, reader, writer, self.connections)
        task = asyncio.current_task()
        assert task is not None
        self._sessions[session] = task
        self.peak = max(self.peak, len(self._sessions))
        try:
            await session.run()
        except asyncio.CancelledError:
            pass  # `stop` did it; a cancelled task of a stream server would be logged as an error
        except (OSError, EOFError, ssl.SSLError, _GoneError):
            pass  # one side had enough
        except Exception as exc:  # noqa: BLE001  # a fault of a script has to reach the test, which looks at violations
            self.violations.append(f"the server itself failed: {exc!r}")
        finally:
            self._sessions.pop(session, None)
            session.cut()


class _GoneError(Exception):
    """The session is over: dropped, closed or quit."""


class _Session:
    """One connection: the healthy protocol, with the script's steps in between."""

    def __init__(
        self, server: SmtpServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int
    ) -> None:
        self._server, self._reader, self._writer, self._number = server, reader, writer, number
        self._encrypted = server.tls is not None
        self._user: str | None = None
        self._greeted = False
        self._planned: Step | None = None
        self._instead: Reply | None = None
        self._sender: str | None = None
        self._options: tuple[str, ...] = ()
        self._recipients: list[str] = []
        self._raw = b""
        self.idle = False

    async def run(self) -> None:
        if await self._pass(Phase.greeting):
            await self._say(220, "smtp.example.com ESMTP")
        while True:
            line = await self._line()
            self._server.commands.append(line)
            verb, _, rest = line.partition(" ")
            handler = getattr(self, f"_do_{verb.lower()}", None)
            if handler is None:
                self._violation(f"unknown command {verb}")
                await self._say(500, "5.5.1 unknown command")
            elif await self._pass(Phase(verb.upper())):
                await handler(rest)

    def cut(self) -> None:
        self._writer.transport.abort()

    def hang_up(self, *, farewell: bool) -> None:
        """Close the connection while the client is not looking."""
        if farewell:
            self._writer.write(b"421 4.4.2 smtp.example.com timeout\r\n")
        self._writer.close()

    async def _line(self) -> str:
        self.idle = self._greeted and self._sender is None
        try:
            line = await self._reader.readline()
        finally:
            self.idle = False
        if not line:
            raise _GoneError
        if not line.endswith(b"\r\n"):
            self._violation(f"a command that does not end in CRLF: {line!r}")
        if not line.isascii() and "SMTPUTF8" not in self._server.offer:
            self._violation(f"a command beyond ASCII: {line!r}")
        return line.decode(errors="replace").rstrip("\r\n")

    async def _pass(self, phase: Phase) -> bool:
        """Do what is scripted here; True if the healthy course is to follow."""
        step = self._server.next_step(phase)
        self._server.reached.append(phase)
        if isinstance(step, Accept) and self._planned is not None and self._planned.at is phase:
            step, self._planned = self._planned, None
        return await self._perform(step, phase)

    async def _perform(self, step: Step, phase: Phase) -> bool:
        if phase is Phase.dot and _keeps(step):
            self._keep()
        match step:
            case Accept():
                await asyncio.sleep(step.after)
                return True
            case Reply() if step.code // 100 == (3 if phase is Phase.data else 2):
                self._instead = step
                return True
            case Reply():
                await self._say(step.code, step.text)
                return False
            case Drop():
                if phase is Phase.body and step.after:
                    await self._reader.readexactly(step.after)
                raise _GoneError
            case Hang():
                if phase is Phase.body:
                    await asyncio.Event().wait()
                while await self._reader.read(65536):
                    pass
                raise _GoneError

    async def _say(self, code: int, text: str) -> None:
        if self._instead is not None:
            code, text, self._instead = self._instead.code, self._instead.text, None
        *lines, last = text.split("\n")
        answer = "".join(f"{code}-{line}\r\n" for line in lines) + f"{code} {last}\r\n"
        self._writer.write(answer.encode())
        if code == 421:
            self._writer.close()
            raise _GoneError
        await self._writer.drain()

    async def _ok(self, code: int, enhanced: str, text: str) -> None:
        await self._say(code, f"{enhanced} {text}" if "ENHANCEDSTATUSCODES" in self._server.offer else text)

    def _violation(self, what: str) -> None:
        self._server.violations.append(f"connection {self._number}: {what}")

    async def _do_ehlo(self, _: str) -> None:
        offers = list(self._server.offer)
        if self._server.starttls is not None and not self._encrypted:
            offers.append("STARTTLS")
        elif self._server.users:
            offers.append("AUTH " + " ".join(self._server.mechanisms))
        self._greeted = True
        await self._say(250, "\n".join(["smtp.example.com", *offers]))

    async def _do_starttls(self, _: str) -> None:
        assert self._server.starttls is not None
        await self._say(220, "2.0.0 go ahead")
        if await self._pass(Phase.tls):
            await self._writer.start_tls(self._server.starttls)
            self._encrypted, self._greeted = True, False

    async def _do_auth(self, rest: str) -> None:
        mechanism, _, initial = rest.partition(" ")
        if mechanism == "PLAIN":
            _, user, password = base64.b64decode(initial).decode().split("\0")
            right = self._server.users.get(user) == password
        elif mechanism == "LOGIN":
            user = base64.b64decode(initial).decode()
            right = self._server.users.get(user) == base64.b64decode(await self._asked("Password:")).decode()
        else:
            challenge = "<1896.697170952@smtp.example.com>"
            user, _, digest = base64.b64decode(await self._asked(challenge)).decode().rpartition(" ")
            expected = hmac.new(self._server.users.get(user, "").encode(), challenge.encode(), "md5").hexdigest()
            right = hmac.compare_digest(expected, digest)
        if right:
            self._user = user
            await self._ok(235, "2.7.0", "welcome")
        else:
            await self._ok(535, "5.7.8", f"wrong password for {user}")

    async def _asked(self, question: str) -> str:
        await self._say(334, base64.b64encode(question.encode()).decode())
        return await self._line()

    async def _do_mail(self, rest: str) -> None:
        if self._sender is not None:
            self._violation("MAIL FROM within a mail: the connection was handed on dirty")
        if self._server.users and self._user is None:
            await self._ok(530, "5.7.0", "authenticate first")
            return
        address, *options = rest.removeprefix("FROM:").split(" ")
        self._sender, self._recipients, self._planned = address.strip("<>"), [], None
        self._options = tuple(option.upper() for option in options)
        await self._ok(250, "2.1.0", "sender fine")

    async def _do_rcpt(self, rest: str) -> None:
        address = rest.removeprefix("TO:").strip("<>")
        if self._sender is None:
            self._violation("RCPT TO outside of a mail")
        step = self._server.next_step(address)
        if step.at is not Phase.rcpt:
            self._planned = step
        elif not await self._perform(step, Phase.rcpt):
            return
        self._recipients.append(address)
        await self._ok(250, "2.1.5", "recipient fine")

    async def _do_data(self, _: str) -> None:
        if not self._recipients:
            self._violation("DATA without a recipient")
        await self._say(354, "go ahead")
        if not await self._pass(Phase.body):
            return
        text = b"\r\n"
        while END not in text[-70000:]:
            chunk = await self._reader.read(65536)
            if not chunk:
                raise _GoneError
            text += chunk
        text, rest = text.split(END, 1)
        if rest:
            self._violation("bytes sent before the answer to the final dot")
        self._raw = (text + b"\r\n").replace(b"\r\n..", b"\r\n.")[2:]
        if await self._pass(Phase.dot):
            await self._ok(250, "2.0.0", f"queued for {self._recipients[0]}")
        self._sender = None

    def _keep(self) -> None:
        assert self._sender is not None
        mail = ReceivedMail(
            self._sender,
            tuple(self._recipients),
            self._options,
            self._raw,
            self._number,
            encrypted=self._encrypted,
            user=self._user,
        )
        self._server.mails.append(mail)
        for fault in mail.faults():
            self._violation(fault)

    async def _do_rset(self, _: str) -> None:
        self._sender = None
        await self._ok(250, "2.0.0", "reset")

    async def _do_noop(self, _: str) -> None:
        await self._ok(250, "2.0.0", "still here")

    async def _do_quit(self, _: str) -> None:
        await self._ok(221, "2.0.0", "bye")
        raise _GoneError


def _keeps(step: Step) -> bool:
    if isinstance(step, Accept):
        return True
    return 200 <= step.code < 300 if isinstance(step, Reply) else step.accepted
