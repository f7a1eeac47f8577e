"""The mails that arrived: one `.eml` file each, as mail servers keep them, so that a restart shows them again."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser, HeaderParser
from pathlib import Path
from typing import cast

_RECEIVED = "X-Inbox-Received"
_MOST_HEADERS = 64 * 1024
"""Bytes of a mail that are searched for its headers."""


@dataclass(frozen=True)
class StoredMail:
    """A mail's envelope and most read headers."""

    id: int
    """Counts up in the order of arrival."""
    envelope_from: str
    envelope_to: tuple[str, ...]
    sender: str
    to: str
    subject: str
    message_id: str
    received_at: datetime
    size: int


class MailStore:
    """All mails of one folder. Used from one thread at a time, but for `write`."""

    def __init__(self, folder: Path) -> None:
        """Read the headers of what lies in the folder."""
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        for half in folder.glob("*.tmp"):
            half.unlink()
        self._mails = {int(path.stem): _summary(path) for path in sorted(folder.glob("*.eml"))}
        self._last = max(self._mails, default=0)

    def next_id(self) -> int:
        """Give out an id."""
        self._last += 1
        return self._last

    def write(self, mail_id: int, *, sender: str, recipients: Sequence[str], content: bytes) -> StoredMail:
        """Write a mail to disk; returns once it would survive a crash. The list shows it after `add`."""
        envelope = [f"Return-Path: <{sender}>", *(f"Delivered-To: {recipient}" for recipient in recipients)]
        envelope.append(f"{_RECEIVED}: {datetime.now(UTC).isoformat()}")
        path = self.path(mail_id)
        half = path.with_suffix(".tmp")
        with half.open("wb") as file:
            file.write("".join(f"{line}\r\n" for line in envelope).encode() + content)
            file.flush()
            os.fsync(file.fileno())
        half.rename(path)
        return _summary(path)

    def add(self, mail: StoredMail) -> None:
        """Show a mail that was written."""
        self._mails[mail.id] = mail

    def path(self, mail_id: int) -> Path:
        """The file of a mail."""
        return self._folder / f"{mail_id:06}.eml"

    def get(self, mail_id: int) -> StoredMail | None:
        """One mail; None where there is none with this id."""
        return self._mails.get(mail_id)

    def newest_first(self) -> list[StoredMail]:
        """All mails."""
        return sorted(self._mails.values(), key=lambda mail: mail.id, reverse=True)

    def clear(self) -> None:
        """Remove all mails; ids are not given out again before the next start."""
        for mail_id in list(self._mails):
            self.path(mail_id).unlink(missing_ok=True)
            del self._mails[mail_id]


@dataclass(frozen=True)
class Content:
    """What is in a mail."""

    headers: tuple[tuple[str, str], ...]
    text: str | None
    html: str | None
    attachments: tuple[str, ...]
    source: str


def read_content(path: Path) -> Content:
    """Take a mail apart; what is malformed is shown as well as it can be."""
    raw = path.read_bytes()
    message = BytesParser(policy=policy.default).parsebytes(raw)
    return Content(
        headers=tuple((name, str(value)) for name, value in _headers(raw).items()),
        text=_part(message, "plain"),
        html=_part(message, "html"),
        attachments=tuple(part.get_filename() or part.get_content_type() for part in message.iter_attachments()),
        source=raw.decode(errors="replace"),
    )


def _part(message: EmailMessage, kind: str) -> str | None:
    part = message.get_body(preferencelist=(kind,))
    if part is None:
        return None
    try:
        return str(part.get_content())
    except (LookupError, ValueError):  # a character set that nobody knows
        return cast("bytes", part.get_payload(decode=True)).decode(errors="replace")


def _headers(raw: bytes) -> EmailMessage:
    # The bytes parser takes headers for ASCII. Mail to addresses with other letters has them in UTF-8.
    head = raw.partition(b"\r\n\r\n")[0].decode(errors="replace")
    return HeaderParser(policy=policy.default).parsestr(head)


def _summary(path: Path) -> StoredMail:
    with path.open("rb") as file:
        headers = _headers(file.read(_MOST_HEADERS))
    return StoredMail(
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
