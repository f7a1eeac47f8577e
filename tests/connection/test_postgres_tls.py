"""PostgreSQL behind TLS, by `sslmode` of DATABASE_URL, and the error if the two do not agree.

The wheel's PostgreSQL has no TLS: a stand-in before it speaks it.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme
from pydantic import SecretStr

from adapters.db import migrate
from adapters.db.engine import make_engine, probe
from adapters.settings import DatabaseSettings
from demo.stack import Stack
from domain.errors import TransientError
from tests.connection.certificates import authority_file, expired
from tests.connection.tls_postgres import tls_postgres

HOST = "127.0.0.1"


async def told(url: str) -> str:
    """What the probe says, which is also what workers wait with."""
    engine = make_engine(DatabaseSettings(url=SecretStr(url)), pooled=False)
    try:
        return await probe(engine)
    except TransientError as error:
        return error.message
    finally:
        await engine.dispose()


@dataclass
class Certificates:
    """The server's authority and that of its clients, and files as DATABASE_URL names them."""

    server: trustme.CA
    clients: trustme.CA
    folder: Path

    @property
    def known(self) -> str:
        return authority_file(self.server, self.folder / "authority.pem")

    @property
    def stranger(self) -> str:
        return authority_file(trustme.CA(), self.folder / "stranger.pem")

    def of_client(self, authority: trustme.CA, name: str = "certified") -> str:
        """Options that show a certificate of this authority for a user of the database."""
        certificate = authority.issue_cert(f"{name}@example.com", common_name=name)
        certificate.cert_chain_pems[0].write_to_path(self.folder / f"{name}.pem")
        certificate.private_key_pem.write_to_path(self.folder / f"{name}.key")
        return f"sslcert={self.folder}/{name}.pem&sslkey={self.folder}/{name}.key"


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return Certificates(trustme.CA(), trustme.CA(), tmp_path)


@asynccontextmanager
async def secured(
    stack: Stack, database: str, certificate: trustme.LeafCert, clients: trustme.CA, *, ask: bool = False
) -> AsyncIterator[tuple[str, str]]:
    """A database behind TLS with this certificate, which may ask for one of `clients`: its URL and version."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(context)
    if ask:
        clients.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    async with tls_postgres(stack.ports.postgres, context) as port:
        yield database.replace(f":{stack.ports.postgres}/", f":{port}/"), "18"


async def test_a_verified_connection_works_and_others_are_refused_with_the_reason(
    stack: Stack, database: str, certificates: Certificates
) -> None:
    good = certificates.server.issue_cert(HOST)
    async with secured(stack, database, good, certificates.clients) as (url, version):
        await _try_all(url, version, certificates.known, certificates.stranger)
    async with secured(stack, database, expired(certificates.server, HOST), certificates.clients) as (url, _):
        old = await told(f"{url}?sslmode=verify-full&sslrootcert={certificates.known}")

    assert "certificate has expired" in old
    assert "rejected SSL upgrade" in await told(f"{database}?sslmode=require")


async def _try_all(url: str, version: str, known: str, stranger: str) -> None:
    verified = f"{url}?sslmode=verify-full&sslrootcert={known}"
    await migrate.upgrade(verified)
    assert (await told(verified)).startswith(version)
    assert (await told(f"{url}?sslmode=require")).startswith(version)
    unknown = await told(f"{url}?sslmode=verify-full&sslrootcert={stranger}")
    assert "certificate verify failed" in unknown
    assert "sslrootcert" in unknown
    misnamed = await told(verified.replace("127.0.0.1", "localhost"))
    assert "certificate is not valid for 'localhost'" in misnamed
    plain = await told(f"{url}?sslmode=disable")
    assert "no encryption" in plain
    assert "Look at DATABASE_URL; sslmode" in plain


async def test_a_client_certificate_is_shown_and_one_that_is_not_accepted_is_reported(
    stack: Stack, database: str, certificates: Certificates
) -> None:
    good, clients = certificates.server.issue_cert(HOST), certificates.clients
    async with secured(stack, database, good, clients, ask=True) as (url, _):
        verified = f"{url}?sslmode=verify-full&sslrootcert={certificates.known}"
        without = await told(verified)
        strangers = await told(f"{verified}&{certificates.of_client(trustme.CA())}")
        ours = await told(f"{verified}&{certificates.of_client(clients)}")

    for refused in (without, strangers):
        assert "sslcert and sslkey" in refused
    assert "has no schema" in ours or ours.startswith("18")  # it is let in


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("sslmode=verify-full&sslrootcert={folder}/none.pem", "No such file or directory"),
        ("sslmode=verify-full&sslrootcert={folder}/text.pem", "no certificate"),
        ("sslmode=verify", "`sslmode` parameter must be one of"),
        ("sslmode=require&sslcert={folder}/a.pem&sslkey={folder}/b.key", "key values mismatch"),
        ("channel_binding=require", 'unrecognized configuration parameter "channel_binding"'),
        ("gsslib=hush", "got '***'"),
    ],
)
async def test_an_option_that_cannot_be_used_is_reported_in_the_drivers_words_and_without_the_password(
    database: str, certificates: Certificates, options: str, words: str
) -> None:
    (certificates.folder / "text.pem").write_text("no certificate")
    for name in ("a", "b"):
        certificates.of_client(certificates.clients, name)
    url = database.replace("postgres@", "postgres:hush@", 1)

    said = await told(f"{url}?{options.format(folder=certificates.folder)}")

    assert words.lower() in said.lower()
    assert "Look at DATABASE_URL; sslmode, sslrootcert, sslcert and sslkey in it are about TLS." in said
    assert "hush" not in said
