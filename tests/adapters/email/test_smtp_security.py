from __future__ import annotations

import ssl
import traceback
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from adapters.email.sender import SmtpMailSender
from adapters.settings import MailSettings, SmtpSecurity, SmtpSettings
from domain.errors import AuthenticationFailed, ConnectionBroken, NetworkTimeout, ServiceUnavailable
from tests.adapters.email.conftest import Certificates, Post
from tests.smtp_server import Drop, Hang, Phase, Reply, SmtpServer

LOGIN: dict[str, Any] = {"username": "shop", "password": SecretStr("correct horse")}
USERS = {"shop": "correct horse"}


def secured(security: SmtpSecurity, context: ssl.SSLContext, **options: Any) -> SmtpServer:
    tls, starttls = (context, None) if security is SmtpSecurity.tls else (None, context)
    return SmtpServer(tls=tls, starttls=starttls, **options)


@pytest.mark.parametrize(
    ("security", "verbs"),
    [(SmtpSecurity.tls, ["EHLO", "AUTH", "MAIL"]), (SmtpSecurity.starttls, ["EHLO", "STARTTLS", "EHLO", "AUTH"])],
)
async def test_mail_goes_over_tls_and_nothing_but_ehlo_goes_before_it(
    security: SmtpSecurity, verbs: list[str], certificates: Certificates, post: Post
) -> None:
    async with secured(security, certificates.server, users=USERS) as server:
        sender = post.sender(server, security=security, ca_file=certificates.ca_file, **LOGIN)
        await sender.send(post.mail())
        await sender.send(post.mail())

    assert [(mail.encrypted, mail.user) for mail in server.mails] == [(True, "shop")] * 2
    assert server.verbs()[: len(verbs)] == verbs
    assert (server.connections, server.violations) == (1, [])


async def test_a_large_mail_goes_over_tls_whole(certificates: Certificates, post: Post) -> None:
    text = "All that you ordered.\n" * 100_000
    async with SmtpServer(tls=certificates.server, receive_buffer=4096) as server:
        sender = post.sender(server, security=SmtpSecurity.tls, ca_file=certificates.ca_file)
        await sender.send(post.mail(text=text))

    assert text.replace("\n", "\r\n").encode() in server.mails[0].raw


async def test_where_starttls_is_configured_but_not_offered_nothing_is_sent(server: SmtpServer, post: Post) -> None:
    with pytest.raises(ServiceUnavailable, match="STARTTLS"):
        await post.sender(server, security=SmtpSecurity.starttls, **LOGIN).send(post.mail())

    assert server.verbs() == ["EHLO"]


@pytest.mark.parametrize(
    ("step", "expected"), [(Reply(454, "4.7.0 no TLS today"), ServiceUnavailable), (Drop(), ConnectionBroken)]
)
async def test_where_starttls_is_refused_nothing_is_sent(
    step: Reply | Drop, expected: type[Exception], certificates: Certificates, post: Post
) -> None:
    async with SmtpServer(starttls=certificates.server) as server:
        server.script(Phase.starttls, [step])
        sender = post.sender(server, security=SmtpSecurity.starttls, ca_file=certificates.ca_file)
        with pytest.raises(expected):
            await sender.send(post.mail())

        assert server.verbs() == ["EHLO", "STARTTLS"]


@pytest.mark.parametrize("security", [SmtpSecurity.tls, SmtpSecurity.starttls])
@pytest.mark.parametrize("known_authority", [False, True])
async def test_an_unknown_authority_or_another_host_is_a_reason_to_try_later_and_nothing_is_sent(
    security: SmtpSecurity, known_authority: bool, certificates: Certificates, post: Post
) -> None:
    async with secured(security, certificates.other_host if known_authority else certificates.server) as server:
        sender = post.sender(server, security=security, ca_file=certificates.ca_file if known_authority else None)
        with pytest.raises(ServiceUnavailable, match="certificate"):
            await sender.send(post.mail())

        assert "MAIL" not in server.verbs()


async def test_a_server_without_tls_behind_a_tls_setting_is_told_apart(post: Post) -> None:
    async with SmtpServer() as server:
        with pytest.raises(ServiceUnavailable, match="SMTP_SECURITY"):
            await post.sender(server, security=SmtpSecurity.tls).send(post.mail())

        assert server.mails == []


async def test_a_handshake_that_hangs_is_given_up(certificates: Certificates, post: Post) -> None:
    async with SmtpServer(starttls=certificates.server) as server:
        server.script(Phase.tls, [Hang()])
        sender = post.sender(server, security=SmtpSecurity.starttls, command_timeout=0.3)
        with pytest.raises(NetworkTimeout):
            await sender.send(post.mail())

        server.script(Phase.greeting, [Hang()])
        sender = post.sender(server, security=SmtpSecurity.tls, connect_timeout=0.3)
        with pytest.raises(NetworkTimeout):
            await sender.send(post.mail())

        await server.until(lambda: server.open == 0)


async def test_a_file_of_authorities_that_cannot_be_read_fails_at_once(tmp_path: Path) -> None:
    for missing_or_empty in (tmp_path / "missing.pem", tmp_path / "empty.pem"):
        (tmp_path / "empty.pem").touch()
        settings = SmtpSettings(security=SmtpSecurity.tls, ca_file=str(missing_or_empty))
        with pytest.raises((OSError, ssl.SSLError)):
            SmtpMailSender(settings, MailSettings())


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5"])
async def test_each_usual_way_to_log_in_works(mechanism: str, post: Post) -> None:
    async with SmtpServer(users=USERS, mechanisms=[mechanism]) as server:
        await post.sender(server, **LOGIN).send(post.mail())

    assert server.mails[0].user == "shop"


@pytest.mark.parametrize("mechanisms", [["PLAIN"], ["PLAIN", "LOGIN", "CRAM-MD5"]])
async def test_wrong_credentials_are_permanent_are_tried_once_and_are_not_repeated_in_the_message(
    mechanisms: list[str], post: Post
) -> None:
    async with SmtpServer(users=USERS, mechanisms=mechanisms) as server:
        sender = post.sender(server, username="shop", password=SecretStr("battery staple"))
        with pytest.raises(AuthenticationFailed) as caught:
            await sender.send(post.mail())

        assert caught.value.message == "535 5.7.8 at AUTH"
        assert server.verbs().count("AUTH") == 1
        shown = "".join(traceback.format_exception(caught.value))
        assert "wrong password for shop" not in shown
        assert caught.value.__suppress_context__


async def test_where_one_way_to_log_in_is_out_of_order_the_next_is_tried(
    certificates: Certificates, post: Post
) -> None:
    async with SmtpServer(tls=certificates.server, users=USERS) as server:
        server.script(Phase.auth, [Reply(504, "5.5.4 not that one")])
        await post.sender(server, security=SmtpSecurity.tls, ca_file=certificates.ca_file, **LOGIN).send(post.mail())

    assert server.mails[0].user == "shop"


async def test_a_login_that_is_out_of_order_for_now_is_tried_later(post: Post) -> None:
    async with SmtpServer(users=USERS) as server:
        server.script(Phase.auth, [Reply(454, "4.7.0 later"), Reply(421, "4.7.0 later"), Drop(), Hang()])
        sender = post.sender(server, command_timeout=0.3, **LOGIN)
        for expected in (ServiceUnavailable, ServiceUnavailable, ConnectionBroken, NetworkTimeout):
            with pytest.raises(expected):
                await sender.send(post.mail())
        await sender.send(post.mail())


async def test_a_server_that_offers_no_login_does_not_get_our_credentials(server: SmtpServer, post: Post) -> None:
    with pytest.raises(AuthenticationFailed, match="offers no AUTH"):
        await post.sender(server, **LOGIN).send(post.mail())


async def test_a_server_that_wants_a_login_we_do_not_have_is_permanent(post: Post) -> None:
    async with SmtpServer(users=USERS) as server:
        with pytest.raises(AuthenticationFailed, match=r"^530 5\.7\.0 at MAIL FROM$"):
            await post.sender(server).send(post.mail())
