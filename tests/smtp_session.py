"""One connection of the scripted SMTP server: the healthy protocol, with the script's steps in between."""

from __future__ import annotations

import asyncio
import base64
import hmac
from typing import TYPE_CHECKING

from tests.smtp_script import Accept, Command, Drop, Hang, Phase, ReceivedMail, Reply, Step

if TYPE_CHECKING:
    from tests.smtp_server import SmtpServer

END = b"\r\n.\r\n"


class GoneError(Exception):
    """The session is over: dropped, said farewell or quit."""


class Session:
    """What the server knows of one connection."""

    def __init__(
        self, server: SmtpServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int
    ) -> None:
        self._server = server
        self._reader = reader
        self._writer = writer
        self._number = number
        self._encrypted = server.tls is not None
        self._user: str | None = None
        self._greeted = False
        self._plan: Step | None = None
        self._instead: Reply | None = None
        self._sender: str | None = None
        self._options: tuple[str, ...] = ()
        self._recipients: list[str] = []
        self._raw = b""
        self.idle = False

    async def run(self) -> None:
        """Serve until one side has had enough."""
        try:
            if await self._pass(Phase.greeting):
                await self._say(220, "smtp.example.com ESMTP")
            while True:
                await self._command(await self._line())
        except GoneError:
            pass

    def cut(self) -> None:
        """Close the socket without a word."""
        self._writer.transport.abort()

    def hang_up(self, *, farewell: bool) -> None:
        """Close the connection while the client is not looking."""
        if farewell:
            self._writer.write(b"421 4.4.2 smtp.example.com timeout\r\n")
        self._writer.close()

    async def _line(self) -> str:
        self.idle = self._greeted and self._sender is None
        line: bytes | None = None
        try:
            async with asyncio.timeout(self._server.idle_limit):
                line = await self._reader.readline()
        except TimeoutError:
            await self._say(421, "4.4.2 smtp.example.com timeout")
        finally:
            self.idle = False
        if not line:
            raise GoneError
        if not line.endswith(b"\r\n"):
            self._violation(f"a command that does not end in CRLF: {line!r}")
        if not line.isascii() and "SMTPUTF8" not in self._server.offer:
            self._violation(f"a command beyond ASCII: {line!r}")
        return line.decode(errors="replace").rstrip("\r\n")

    async def _command(self, line: str) -> None:
        verb, _, rest = line.partition(" ")
        verb = verb.upper()
        loop = asyncio.get_running_loop()
        self._server.commands.append(Command(self._number, verb, line, loop.time()))
        handler = getattr(self, f"_do_{verb.lower()}", None)
        if handler is None:
            self._violation(f"unknown command {verb}")
            await self._say(500, "5.5.1 unknown command")
        elif verb == "QUIT" or await self._pass(Phase(verb)):
            await handler(rest)

    async def _pass(self, phase: Phase) -> bool:
        """Do what is scripted here; True where the healthy course is to follow."""
        step = self._server.next_step(phase)
        if isinstance(step, Accept) and self._plan is not None and self._plan.at is phase:
            step, self._plan = self._plan, None
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
                raise GoneError
            case Hang():
                if phase is Phase.body:
                    await asyncio.Event().wait()
                while await self._reader.read(65536):
                    pass
                raise GoneError

    async def _say(self, code: int, text: str) -> None:
        if self._instead is not None:
            code, text, self._instead = self._instead.code, self._instead.text, None
        lines = text.split("\n")
        answer = "".join(f"{code}-{line}\r\n" for line in lines[:-1]) + f"{code} {lines[-1]}\r\n"
        self._writer.write(answer.encode())
        if code == 421:
            self._writer.close()
            raise GoneError
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
        if self._server.starttls is None or self._encrypted:
            self._violation("STARTTLS that was not offered")
            await self._say(502, "5.5.1 not offered")
            return
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
            password = base64.b64decode(await self._asked("Password:")).decode()
            right = self._server.users.get(user) == password
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
        self._sender, self._recipients = address.strip("<>"), []
        self._options = tuple(option.upper() for option in options)
        self._plan = None
        await self._ok(250, "2.1.0", "sender fine")

    async def _do_rcpt(self, rest: str) -> None:
        address = rest.removeprefix("TO:").strip("<>")
        if self._sender is None:
            self._violation("RCPT TO outside of a mail")
        step = self._server.next_step(address)
        if step.at is not Phase.rcpt:
            self._plan = step
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
                raise GoneError
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
        now = asyncio.get_running_loop().time()
        mail = ReceivedMail(
            sender=self._sender,
            recipients=tuple(self._recipients),
            options=self._options,
            raw=self._raw,
            connection=self._number,
            encrypted=self._encrypted,
            user=self._user,
            at=now,
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
        if await self._pass(Phase.quit):
            await self._ok(221, "2.0.0", "bye")
        raise GoneError


def _keeps(step: Step) -> bool:
    if isinstance(step, Accept):
        return True
    if isinstance(step, Reply):
        return 200 <= step.code < 300
    return step.accepted
