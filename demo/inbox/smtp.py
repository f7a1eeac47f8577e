"""The SMTP side of the inbox: accepts every mail, unless the recipient's address asks it to misbehave.

A tag behind a plus sign in front of the @ says how: `jana+451x2@example.com`.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter, deque
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

from aiosmtpd.smtp import SMTP, Envelope, Session

from demo.inbox.mails import MailStore, RefusedMail

CONVENTIONS: tuple[tuple[str, str], ...] = (
    ("+550", "Refuses the recipient permanently: 550 5.1.1 <address>: no such user. Any code from 400 to 599 works."),
    ("+451x2", "Refuses the recipient twice with 451, then accepts one mail, and starts again."),
    ("+data554", "Accepts the recipient, but refuses the mail after its last byte. +data451x2 works as well."),
    ("+slow5", "Takes five seconds for the answer to the mail."),
)
"""Tag and what it does, for the page."""

_TEXTS = {
    421: "4.3.2 service shutting down",
    450: "4.2.1 <{}>: mailbox is busy, try again later",
    451: "4.7.1 <{}>: try again later",
    452: "4.2.2 <{}>: mailbox is full, try again later",
    550: "5.1.1 <{}>: no such user",
    552: "5.2.2 <{}>: mailbox is full",
    553: "5.1.3 <{}>: this is not an address",
    554: "5.7.1 <{}>: the message is refused",
}
_TAG = re.compile(r"(?P<stage>data|)(?P<code>[45]\d\d)(?:x(?P<times>\d+))?|slow(?P<seconds>\d{1,3})")
_MAIL_LIMIT = 25 * 2**20


@dataclass(frozen=True)
class Behaviour:
    """One way to misbehave; `times` is None for always."""

    stage: str
    """`recipient`, `data` or `slow`."""
    code: int = 0
    times: int | None = None
    seconds: int = 0


def behaviours(address: str) -> list[Behaviour]:
    """What an address asks for."""
    found = []
    for tag in address.rpartition("@")[0].split("+"):
        if (match := _TAG.fullmatch(tag)) and match["seconds"]:
            found.append(Behaviour("slow", seconds=int(match["seconds"])))
        elif match:
            times = int(match["times"]) if match["times"] else None
            found.append(Behaviour(match["stage"] or "recipient", int(match["code"]), times))
    return found


class Receiver:
    """aiosmtpd calls it for each recipient and each mail."""

    def __init__(self, store: MailStore) -> None:
        """Keep accepted mails in the store."""
        self._store = store
        self._done: Counter[tuple[str, Behaviour]] = Counter()
        self.refusals: deque[RefusedMail] = deque(maxlen=1000)

    def forget(self) -> None:
        """Forget refusals, and how often each address was refused."""
        self._done.clear()
        self.refusals.clear()

    async def handle_RCPT(  # noqa: N802  # aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Answer to RCPT TO."""
        if due := self._due(address, "recipient"):
            return self._refuse(address, due.code)
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802  # the same
        """Answer to a mail's last byte."""
        for address in envelope.rcpt_tos:
            if slow := self._due(address, "slow"):
                await asyncio.sleep(slow.seconds)
            if due := self._due(address, "data"):
                return self._refuse(address, due.code)
        mail_id = self._store.next_id()
        mail = await asyncio.to_thread(
            self._store.write,
            mail_id,
            sender=envelope.mail_from or "",
            recipients=envelope.rcpt_tos,
            content=cast("bytes", envelope.content),
        )
        self._store.add(mail)
        return f"250 2.0.0 OK queued as {mail_id}"

    def _due(self, address: str, stage: str) -> Behaviour | None:
        """What the address asks for at this stage, counted as done."""
        for behaviour in behaviours(address):
            if behaviour.stage == stage:
                key = (address, behaviour)
                if behaviour.times is None or self._done[key] < behaviour.times:
                    self._done[key] += 1
                    return behaviour
                del self._done[key]  # this one is let through, the next one starts again
        return None

    def _refuse(self, recipient: str, code: int) -> str:
        # As real servers do, it quotes the address.
        line = f"{code} {_TEXTS.get(code, f'{code // 100}.0.0 <{{}}>: refused').format(recipient)}"
        self.refusals.appendleft(RefusedMail(at=datetime.now(UTC), recipient=recipient, answer=line))
        return line


async def serve_smtp(receiver: Receiver, *, host: str, port: int) -> asyncio.Server:
    """Listen. Raises OSError if the port is taken."""
    loop = asyncio.get_running_loop()
    return await loop.create_server(
        lambda: SMTP(
            receiver,
            hostname="inbox.test",
            ident="ESMTP",
            enable_SMTPUTF8=True,
            data_size_limit=_MAIL_LIMIT,
            loop=loop,
        ),
        host,
        port,
    )
