"""Senders for the scripted SMTP server, closed at the end of each test; certificates from a throw-away authority."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable
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

MakeSender = Callable[..., SmtpMailSender]
MakeMail = Callable[..., Mail]


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


@pytest.fixture
async def make_sender() -> AsyncIterator[MakeSender]:
    """`make_sender(server, **fields of SmtpSettings)`; `mail=` takes MailSettings."""
    made: list[SmtpMailSender] = []

    def make(server: SmtpServer, *, mail: MailSettings | None = None, **smtp: Any) -> SmtpMailSender:
        settings = SmtpSettings(host=server.host, port=server.port, **smtp)
        made.append(SmtpMailSender(settings, mail or MailSettings()))
        return made[-1]

    yield make
    for sender in made:
        await sender.aclose()


@pytest.fixture
def make_mail() -> MakeMail:
    """`make_mail(recipient, **fields of Mail and MailContent)`; each with a delivery key of its own."""
    numbers = count(1)

    def make(recipient: str = "alice@example.com", **fields: str) -> Mail:
        content = {"subject": "Your order 1042", "text": "Thank you.\n", "html": "<p>Thank you.</p>\n"}
        content.update({name: fields.pop(name) for name in content if name in fields})
        return Mail(
            recipient=recipient,
            recipient_name=fields.pop("recipient_name", "Alice Martin"),
            content=MailContent(**content),
            delivery_key=fields.pop("delivery_key", f"order-confirmation/{next(numbers)}"),
            **fields,
        )

    return make
