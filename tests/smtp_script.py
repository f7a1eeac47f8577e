"""What the scripted SMTP server can be told to do, and what it keeps of what it saw."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from enum import StrEnum
from functools import cached_property


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


OF_A_MAIL = (Phase.rcpt, Phase.data, Phase.body, Phase.dot)
"""Where a step that belongs to a recipient can happen."""


@dataclass(frozen=True)
class Accept:
    """Go on as a healthy server."""

    at: Phase = Phase.rcpt
    after: float = 0
    """Seconds that it takes for it."""


@dataclass(frozen=True)
class Reply:
    """Answer this instead. The text goes out as it is; with line breaks, as an answer of several lines.

    The connection is closed after 421. After the final dot the mail is kept where the code is 2xx.
    """

    code: int
    text: str = ""
    at: Phase = Phase.rcpt


@dataclass(frozen=True)
class Drop:
    """Cut the connection instead of answering."""

    at: Phase = Phase.rcpt
    after: int = 0
    """At `body`: bytes of the text to read before."""
    accepted: bool = False
    """At `dot`: whether the mail is kept nonetheless."""


@dataclass(frozen=True)
class Hang:
    """Never answer; at `body`, never read."""

    at: Phase = Phase.rcpt
    accepted: bool = False
    """At `dot`: whether the mail is kept nonetheless."""


Step = Accept | Reply | Drop | Hang
ACCEPT = Accept()


@dataclass(frozen=True)
class Command:
    """A line that a client sent, and when (event loop's clock, seconds)."""

    connection: int
    verb: str
    line: str
    at: float


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
    at: float
    """When it was accepted (event loop's clock, seconds)."""

    @cached_property
    def parsed(self) -> EmailMessage:
        """The message with its headers decoded (but for addresses beyond ASCII: look for those in `raw`)."""
        message = BytesParser(policy=policy.default).parsebytes(self.raw)
        assert isinstance(message, EmailMessage)
        return message

    def faults(self) -> list[str]:
        """What RFC 5321, 5322, 6152 or 6531 forbid in this message, given what its envelope declared."""
        found = []
        if re.search(rb"\r(?!\n)|(?<!\r)\n", self.raw):
            found.append("bare CR or LF")
        if max(map(len, self.raw.split(b"\r\n"))) > 998:
            found.append("line of more than 998 bytes")
        if not self.raw.isascii() and "BODY=8BITMIME" not in self.options:
            found.append("8-bit text without BODY=8BITMIME")
        if not self.raw.partition(b"\r\n\r\n")[0].isascii() and "SMTPUTF8" not in self.options:
            found.append("8-bit headers without SMTPUTF8")
        return found
