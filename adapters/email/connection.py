"""One connection to the mail server: made ready once, then used for mail after mail."""

from __future__ import annotations

import asyncio
import socket
import ssl
from dataclasses import dataclass
from enum import Enum, auto
from typing import Self

from aiosmtplib import SMTP, SMTPAuthenticationError, SMTPServerDisconnected

from adapters.email.answers import CLOSING, Answer, Phase, read_answer, refusal
from adapters.email.course import Course, course
from adapters.settings import SmtpSecurity, SmtpSettings
from domain.errors import AuthenticationFailed, JobError, ServiceUnavailable

_METHOD_UNFIT = frozenset({504, 534, 538})
"""Answers to AUTH that leave the credentials in doubt no more than before: unknown, too weak, needs TLS."""


class StaleConnection(Exception):
    """A kept connection was closed by the server before it took up the mail: nothing happened, a new one will do."""


class _State(Enum):
    ready = auto()
    busy = auto()
    """Within a mail, or left so by an error or a cancellation."""
    refused = auto()
    """The server has said no and waits for RSET."""


_AFTER_NO = {
    Phase.mail: _State.ready,
    Phase.rcpt: _State.refused,
    Phase.data: _State.refused,
    Phase.dot: _State.ready,
}
"""What a 4xx or 5xx leaves behind: before MAIL FROM is accepted and after the final dot there is no mail to forget."""


@dataclass(frozen=True)
class Envelope:
    """Sender and recipient as they go over the wire, and what MAIL FROM has to declare of the message."""

    sender: str
    recipient: str
    smtputf8: bool = False
    eight_bit: bool = False


class _Smtp(SMTP):
    def close(self) -> None:
        """Close at once: an orderly close would still send what is buffered, and waits up to 30 s for TLS' farewell."""
        if isinstance(self.transport, asyncio.WriteTransport):
            self.transport.abort()
        super().close()


class SmtpConnection:
    """A connection after EHLO and AUTH. Carries one mail at a time."""

    def __init__(self, smtp: SMTP, settings: SmtpSettings) -> None:
        self._smtp = smtp
        self._settings = settings
        self._state = _State.ready
        self.mails = 0
        """Mails begun on it."""
        self.kept_since: float | None = None
        """When it was put away for the next mail (event loop's clock); None while it is new."""
        self.smtputf8 = smtp.supports_extension("smtputf8")
        self.eight_bit = smtp.supports_extension("8bitmime")

    @classmethod
    async def open(cls, settings: SmtpSettings, tls: ssl.SSLContext | None) -> Self:
        """Connect, secure and authenticate, all within `connect_timeout`. Raises the domain's errors."""
        smtp = _Smtp(
            hostname=settings.host,
            port=settings.port,
            timeout=None,
            local_hostname=_own_name(),
            use_tls=settings.security is SmtpSecurity.tls,
            start_tls=False,
            tls_context=tls,
        )
        try:
            async with course(Phase.connect, settings.connect_timeout) as step:
                await smtp.connect()
                step.enter(Phase.ehlo, settings.command_timeout)
                await smtp.ehlo()
                if settings.security is SmtpSecurity.starttls:
                    await _secure(smtp, step, settings)
                if settings.username is not None:
                    step.enter(Phase.auth, settings.command_timeout)
                    await _authenticate(smtp, settings)
        except BaseException:
            smtp.close()
            raise
        return cls(smtp, settings)

    @property
    def reusable(self) -> bool:
        """Whether another mail may be sent over it, as far as is known."""
        return self._state is _State.ready and self._smtp.is_connected

    async def transmit(self, envelope: Envelope, message: bytes) -> Answer:
        """Send one mail; returns the server's acceptance.

        Raises StaleConnection, and the domain's errors. Afterwards `reusable` tells whether it can carry another mail.
        """
        self.mails += 1
        self._state = _State.busy
        try:
            async with course(Phase.mail) as step:
                answer = await self._converse(step, envelope, message)
        except JobError:
            if self._state is _State.refused:
                await self._reset()
            raise
        self._state = _State.ready
        return answer

    async def noop(self) -> Answer:
        """Ask whether the server is still there. Raises StaleConnection, and the domain's errors."""
        self._state = _State.busy
        async with course(Phase.noop) as step:
            step.enter(Phase.noop, self._settings.command_timeout)
            answer = await self._ask_first(step, b"NOOP")
        self._state = _State.ready
        return answer

    def close(self, *, farewell: bool = False) -> None:
        """Close the socket at once; with `farewell`, say QUIT before, without waiting for the answer."""
        if farewell and self.reusable and (protocol := self._smtp.protocol) is not None:
            protocol.write(b"QUIT\r\n")
        self._state = _State.busy
        self._smtp.close()

    async def _converse(self, step: Course, envelope: Envelope, message: bytes) -> Answer:
        limit = self._settings.command_timeout
        encoding = "utf-8" if envelope.smtputf8 else "ascii"
        step.enter(Phase.mail, limit)
        sender = b"FROM:<%b>" % envelope.sender.encode(encoding)
        await self._ask_first(step, b"MAIL", sender, *self._options(envelope, len(message)))
        step.enter(Phase.rcpt, limit)
        await self._ask(step, b"RCPT", b"TO:<%b>" % envelope.recipient.encode(encoding))
        step.enter(Phase.data, limit)
        await self._ask(step, b"DATA", kind=3)
        step.enter(Phase.text, limit)
        return await self._hand_over(step, message)

    def _options(self, envelope: Envelope, size: int) -> list[bytes]:
        options = [b"SIZE=%d" % size] if self._smtp.supports_extension("size") else []
        if envelope.eight_bit:
            options.append(b"BODY=8BITMIME")
        if envelope.smtputf8:
            options.append(b"SMTPUTF8")
        return options

    async def _hand_over(self, step: Course, message: bytes) -> Answer:
        """Send the text, and only when all of it has left this process the final dot.

        So a connection that breaks before is known to have broken before. aiosmtplib's own `data` sends both in one,
        and so cannot tell. (Over TLS up to one buffer of the socket may still be on its way: then the outcome is
        called unknown though the dot was not sent, which is the safe side.)
        """
        protocol = self._smtp.protocol
        if protocol is None or not isinstance(protocol.transport, asyncio.WriteTransport):
            raise SMTPServerDisconnected("lost after the answer to DATA")
        transport = protocol.transport
        protocol.write(message.replace(b"\r\n.", b"\r\n.."))
        # Passed over but for texts larger than the socket's buffer.
        while transport.get_write_buffer_size():  # noqa: ASYNC110  only the protocol, not ours, is told when it is empty
            await asyncio.sleep(0.005)
        protocol.write(b".\r\n")
        step.enter(Phase.dot, self._settings.data_timeout)
        return self._check(step, read_answer(await protocol.read_response()), kind=2)

    async def _ask_first(self, step: Course, *words: bytes) -> Answer:
        """Send the command that begins something: here a kept connection shows whether the server still keeps it."""
        try:
            answer = read_answer(await self._smtp.execute_command(*words))
        except SMTPServerDisconnected:
            if self.kept_since is None:
                raise
            raise StaleConnection from None
        if answer.code == CLOSING and self.kept_since is not None:
            raise StaleConnection
        return self._check(step, answer, kind=2)

    async def _ask(self, step: Course, *words: bytes, kind: int = 2) -> Answer:
        return self._check(step, read_answer(await self._smtp.execute_command(*words)), kind=kind)

    def _check(self, step: Course, answer: Answer, *, kind: int) -> Answer:
        if answer.code // 100 == kind:
            return answer
        if answer.code != CLOSING and answer.code // 100 in (4, 5):
            self._state = _AFTER_NO.get(step.phase, _State.busy)
        raise refusal(answer, step.phase)

    async def _reset(self) -> None:
        """Have the server forget the mail that it refused. Where it doesn't, the connection stays unusable."""
        self._state = _State.busy
        try:
            async with course(Phase.rset) as step:
                step.enter(Phase.rset, self._settings.command_timeout)
                await self._ask(step, b"RSET")
        except JobError:
            return  # the refusal is what the caller is told
        self._state = _State.ready


async def _secure(smtp: SMTP, step: Course, settings: SmtpSettings) -> None:
    step.enter(Phase.starttls, settings.command_timeout)
    if not smtp.supports_extension("starttls"):
        # Transient for the same reasons as a wrong certificate, see `course`.
        raise ServiceUnavailable("the mail server does not offer STARTTLS, which SMTP_SECURITY requires")
    await smtp.starttls()
    step.enter(Phase.ehlo, settings.command_timeout)
    await smtp.ehlo()


async def _authenticate(smtp: SMTP, settings: SmtpSettings) -> None:
    """Log in with the best method offered.

    One try with the credentials, lest a wrong password counts three times towards a lock-out; the next method only
    where the server says that this one does not fit.
    """
    methods = {"plain": smtp.auth_plain, "login": smtp.auth_login, "cram-md5": smtp.auth_crammd5}
    if settings.security is SmtpSecurity.plain:
        methods = dict(reversed(methods.items()))
    offered = [method for name, method in methods.items() if name in smtp.server_auth_methods]
    if not offered:
        raise AuthenticationFailed("the mail server offers no AUTH method that we know: check SMTP_SECURITY")
    password = settings.password.get_secret_value() if settings.password is not None else ""
    for number, method in enumerate(offered, start=1):
        try:
            await method(settings.username or "", password)
        except SMTPAuthenticationError as exc:
            if exc.code not in _METHOD_UNFIT or number == len(offered):
                raise
        else:
            return


def _own_name() -> str:
    """What EHLO says. Where the host has no full name, an address literal (RFC 5321 4.1.3); DNS is never asked."""
    name = socket.gethostname()
    return name if "." in name and name.isascii() else "[127.0.0.1]"
