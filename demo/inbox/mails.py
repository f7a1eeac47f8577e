"""The mails that arrived: one `.eml` file each, as mail servers keep them, so that a restart shows them again."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser, HeaderParser
from pathlib import Path
from typing import Annotated, cast

from pydantic import BaseModel, ConfigDict, Field

_RECEIVED = "X-Inbox-Received"
_MAX_HEADERS_BYTES = 64 * 1024


class ReceivedMail(BaseModel):
    """A mail's envelope and most read headers."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    id: int
    """Counts up in the order of arrival."""
    envelope_from: str
    envelope_to: tuple[str, ...]
    sender: Annotated[str, Field(alias="from")]
    to: str
    subject: str
    message_id: str
    """With its angle brackets."""
    received_at: datetime
    size: int

    def matches(self, wanted: str) -> bool:
        """Whether it has this text in an address, the subject or the Message-ID."""
        found = (self.subject, self.sender, self.to, self.message_id, *self.envelope_to)
        return any(wanted.casefold() in text.casefold() for text in found)


class OpenedMail(ReceivedMail):
    """A mail with all that is in it."""

    headers: tuple[tuple[str, str], ...]
    text: str | None
    html: str | None
    attachments: tuple[str, ...]
    source: str


class RefusedMail(BaseModel):
    """A mail that was refused."""

    model_config = ConfigDict(frozen=True)

    at: datetime
    recipient: str
    answer: str


class MailStore:
    """All mails of one folder. Used from one thread at a time, except `write`."""

    def __init__(self, folder: Path) -> None:
        """Read the headers of what is in the folder."""
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._mails = {int(path.stem): _summary(path) for path in sorted(folder.glob("*.eml"))}
        self._last = max(self._mails, default=0)

    def next_id(self) -> int:
        """Give out an id."""
        self._last += 1
        return self._last

    def write(self, mail_id: int, *, sender: str, recipients: Sequence[str], content: bytes) -> ReceivedMail:
        """Write a mail to disk; returns once it would survive a crash. The list shows it after `add`."""
        envelope = [f"Return-Path: <{sender}>", *(f"Delivered-To: {recipient}" for recipient in recipients)]
        envelope.append(f"{_RECEIVED}: {datetime.now(UTC).isoformat()}")
        path = self._path(mail_id)
        half = path.with_suffix(".tmp")
        with half.open("wb") as file:
            file.write("".join(f"{line}\r\n" for line in envelope).encode() + content)
            file.flush()
            os.fsync(file.fileno())
        half.rename(path)
        return _summary(path)

    def add(self, mail: ReceivedMail) -> None:
        """Show a mail that was written."""
        self._mails[mail.id] = mail

    def newest_first(self, wanted: str = "") -> list[ReceivedMail]:
        """Mails that match."""
        return sorted((m for m in self._mails.values() if m.matches(wanted)), key=lambda mail: mail.id, reverse=True)

    def open(self, mail_id: int) -> OpenedMail:
        """Parse a mail; what is malformed is shown as well as it can be. Raises KeyError if there is none."""
        mail = self._mails[mail_id]
        raw = self._path(mail_id).read_bytes()
        message = BytesParser(policy=policy.default).parsebytes(raw)
        return OpenedMail(
            **mail.model_dump(),
            headers=tuple((name, str(value)) for name, value in _headers(raw).items()),
            text=_part(message, "plain"),
            html=_part(message, "html"),
            attachments=tuple(part.get_filename() or part.get_content_type() for part in message.iter_attachments()),
            source=raw.decode(errors="replace"),
        )

    def clear(self) -> None:
        """Remove all mails; ids are not given out again before the next start."""
        for mail_id in self._mails:
            self._path(mail_id).unlink(missing_ok=True)
        self._mails.clear()

    def _path(self, mail_id: int) -> Path:
        return self._folder / f"{mail_id:06}.eml"


def _part(message: EmailMessage, kind: str) -> str | None:
    part = message.get_body(preferencelist=(kind,))
    if part is None:
        return None
    try:
        return str(part.get_content())
    except (LookupError, ValueError):  # an unknown character set
        return cast("bytes", part.get_payload(decode=True)).decode(errors="replace")


def _headers(raw: bytes) -> EmailMessage:
    # The bytes parser takes headers for ASCII. Mail to addresses with other letters has them in UTF-8.
    head = raw.partition(b"\r\n\r\n")[0].decode(errors="replace")
    return HeaderParser(policy=policy.default).parsestr(head)


def _summary(path: Path) -> ReceivedMail:
    with path.open("rb") as file:
        headers = _headers(file.read(_MAX_HEADERS_BYTES))
    return ReceivedMail(
        id=int(path.stem),
        envelope_from=str(headers["Return-Path"]).strip("<>"),
        envelope_to=tuple(str(to) for to in headers.get_all("Delivered-To", [])),
        sender=str(headers["From"] or ""),
        to=str(headers["To"] or ""),
        subject=str(headers["Subject"] or ""),
        message_id=str(headers["Message-ID"] or "").strip(),
        received_at=datetime.fromisoformat(str(headers[_RECEIVED])),
        size=path.stat().st_size,
    )
