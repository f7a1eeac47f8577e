"""The SMTP side of the inbox: takes every mail, except where the recipient's address asks it to misbehave."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

from aiosmtpd.smtp import SMTP, Envelope, Session

from demo.inbox.behaviour import Script, answer
from demo.inbox.store import MailStore

HOSTNAME = "inbox.test"
_MAIL_LIMIT = 25 * 2**20


@dataclass(frozen=True)
class Refusal:
    """A mail that was refused, or whose answer got lost."""

    at: datetime
    recipient: str
    answer: str


class Receiver:
    """aiosmtpd calls it for each recipient and each mail."""

    def __init__(self, store: MailStore) -> None:
        """Keep accepted mails in the store."""
        self._store = store
        self._script = Script()
        self.refusals: deque[Refusal] = deque(maxlen=1000)

    def forget(self) -> None:
        """Forget refusals, and who was refused how often."""
        self._script.forget()
        self.refusals.clear()

    async def handle_RCPT(  # noqa: N802 aiosmtpd's name
        self,
        _server: SMTP,
        _session: Session,
        envelope: Envelope,
        address: str,
        options: list[str],
    ) -> str:
        """Answer to RCPT TO."""
        if due := self._script.due(address, "recipient"):
            return self._refuse(address, answer(due.code, address))
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 aiosmtpd's name
        """Answer to a mail's last byte."""
        broken: str | None = None
        for address in envelope.rcpt_tos:
            if slow := self._script.due(address, "slow"):
                await asyncio.sleep(slow.seconds)
            if due := self._script.due(address, "data"):
                return self._refuse(address, answer(due.code, address))
            if due := self._script.due(address, "lost", "cut"):
                broken = due.stage
                self._refuse(address, "connection broken, mail kept" if broken == "lost" else "connection broken")
        mail_id = self._store.next_id()
        if broken != "cut":
            mail = await asyncio.to_thread(
                self._store.write,
                mail_id,
                sender=envelope.mail_from or "",
                recipients=envelope.rcpt_tos,
                content=cast("bytes", envelope.content),
            )
            self._store.add(mail)
        if broken is not None:
            cast("asyncio.Transport", server.transport).abort()
        return f"250 2.0.0 OK queued as {mail_id}"

    def _refuse(self, recipient: str, line: str) -> str:
        self.refusals.appendleft(Refusal(datetime.now(UTC), recipient, line))
        return line


async def serve_smtp(receiver: Receiver, *, host: str, port: int) -> asyncio.Server:
    """Listen. Raises OSError where the port is taken."""
    loop = asyncio.get_running_loop()

    def connection() -> SMTP:
        return SMTP(
            receiver,
            hostname=HOSTNAME,
            ident="ESMTP",
            enable_SMTPUTF8=True,
            data_size_limit=_MAIL_LIMIT,
            loop=loop,
        )

    return await loop.create_server(connection, host, port)
