"""Senders for the scripted SMTP server, closed at the end of each test; certificates from a throw-away authority."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import trustme

from adapters.email.sender import SmtpMailSender
from adapters.settings import MailSettings, SmtpSettings
from domain.mail import Mail, MailContent
from tests.smtp_server import SmtpServer


@dataclass(frozen=True)
class Certificates:
    """Of an authority that nobody else trusts."""

    ca_file: str
    server: ssl.SSLContext
    """For 127.0.0.1."""
    other_host: ssl.SSLContext
    """For another name than the one that clients connect to."""


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    authority = trustme.CA()
    ca_file: Path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(ca_file)

    def context(name: str) -> ssl.SSLContext:
        made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert(name).configure_cert(made)
        return made

    return Certificates(str(ca_file), context("127.0.0.1"), context("elsewhere.example.com"))


@pytest.fixture
async def server() -> AsyncIterator[SmtpServer]:
    async with SmtpServer() as running:
        yield running
    assert running.violations == []


class Post:
    """Senders for scripted servers, closed at the end of the test, and mails for them to send."""

    def __init__(self) -> None:
        self.senders: list[SmtpMailSender] = []
        self._numbers = count(1)

    def sender(self, server: SmtpServer, *, mail: MailSettings | None = None, **smtp: Any) -> SmtpMailSender:
        """Keywords are fields of SmtpSettings; `mail` takes MailSettings."""
        settings = SmtpSettings(host=server.host, port=server.port, **smtp)
        self.senders.append(SmtpMailSender(settings, mail or MailSettings()))
        return self.senders[-1]

    def mail(self, recipient: str = "alice@example.com", **fields: str) -> Mail:
        """Keywords are fields of Mail and MailContent; each mail has a delivery key of its own."""
        content = {"subject": "Your order 1042", "text": "Thank you.\n", "html": "<p>Thank you.</p>\n"}
        content.update({name: fields.pop(name) for name in content if name in fields})
        return Mail(
            recipient=recipient,
            recipient_name=fields.pop("recipient_name", "Alice Martin"),
            content=MailContent(**content),
            delivery_key=fields.pop("delivery_key", f"order-confirmation/{next(self._numbers)}"),
            **fields,
        )


@pytest.fixture
async def post() -> AsyncIterator[Post]:
    post = Post()
    yield post
    for sender in post.senders:
        await sender.aclose()
