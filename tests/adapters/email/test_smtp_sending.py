from __future__ import annotations

import pytest

from adapters.email.course import longest_send
from adapters.settings import MailSettings, SmtpSettings
from domain.errors import MessageRejected, RecipientRejected
from domain.mail import message_id
from domain.policies import NOTIFICATION
from domain.ports import MailSender
from tests.adapters.email.conftest import Post
from tests.smtp_server import SmtpServer


async def test_a_mail_arrives_as_it_was_written(server: SmtpServer, post: Post) -> None:
    sender: MailSender = post.sender(server, mail=MailSettings(from_name="Läden & Co", reply_to="help@example.com"))
    text = "Danke!\n\n.\n..two dots\nEnde"

    await sender.send(post.mail(recipient_name="山田 太郎", subject="Größe 42", text=text, html="<p>Danke</p>"))

    (mail,) = server.mails
    assert (mail.sender, mail.recipients) == ("orders@shop.example.com", ("alice@example.com",))
    assert mail.parsed["From"] == "Läden & Co <orders@shop.example.com>"
    assert mail.parsed["To"] == "山田 太郎 <alice@example.com>"
    assert mail.parsed["Reply-To"] == "help@example.com"
    assert mail.parsed["Subject"] == "Größe 42"
    parts = [part.get_content().replace("\r\n", "\n") for part in mail.parsed.iter_parts()]
    assert parts == [text, "<p>Danke</p>"]


async def test_each_attempt_of_a_delivery_carries_the_same_message_id(server: SmtpServer, post: Post) -> None:
    sender = post.sender(server)

    for key in ("order-confirmation/1042", "order-confirmation/1042", "order-confirmation/1043"):
        await sender.send(post.mail(delivery_key=key))

    first, again, other = (mail.parsed["Message-ID"] for mail in server.mails)
    assert first == again == message_id("order-confirmation/1042", "shop.example.com")
    assert other != first


async def test_8bit_text_is_sent_as_it_is_where_the_server_takes_it(server: SmtpServer, post: Post) -> None:
    sender = post.sender(server)

    await sender.send(post.mail(text="Grüße"))
    await sender.send(post.mail(text="Regards"))

    assert ["BODY=8BITMIME" in mail.options for mail in server.mails] == [True, False]


async def test_the_size_is_declared_where_the_server_asks_for_it(server: SmtpServer, post: Post) -> None:
    assert await post.sender(server).send(post.mail(text=".\n" * 100)) == "250 2.0.0"

    (mail,) = server.mails
    assert f"SIZE={len(mail.raw)}" in mail.options


async def test_an_address_beyond_ascii_goes_out_with_smtputf8_where_it_is_offered(
    server: SmtpServer, post: Post
) -> None:
    sender = post.sender(server)

    await sender.send(post.mail("jürgen@müller.example"))
    await sender.send(post.mail("alice@example.com", recipient_name="Jürgen"))

    first, second = server.mails
    assert first.recipients == ("jürgen@müller.example",)
    assert "SMTPUTF8" in first.options
    assert "<jürgen@müller.example>\r\n".encode() in first.raw
    assert "SMTPUTF8" not in second.options


async def test_without_smtputf8_and_8bitmime_a_domain_goes_out_as_idna_a_text_encoded_and_a_name_beyond_ascii_not(
    post: Post,
) -> None:
    async with SmtpServer(offer=[]) as server:
        sender = post.sender(server)
        with pytest.raises(RecipientRejected, match="SMTPUTF8") as caught:
            await sender.send(post.mail("jürgen@müller.example"))
        assert await sender.send(post.mail("alice@müller.example", text="Grüße")) == "250"

    assert "rgen" not in str(caught.value)
    (mail,) = server.mails
    assert mail.raw.isascii()
    assert mail.options == ()
    assert mail.recipients == ("alice@xn--mller-kva.example",)
    assert mail.parsed["To"].addresses[0].addr_spec == "alice@xn--mller-kva.example"
    assert server.violations == []


async def test_a_sender_of_ours_beyond_ascii_is_our_own_fault_where_smtputf8_is_not_offered(post: Post) -> None:
    ours = MailSettings(from_address="bestellung@müller.example", reply_to="hilfe@müller.example")
    async with SmtpServer(offer=["SMTPUTF8"]) as utf8, SmtpServer(offer=[]) as plain:
        await post.sender(utf8, mail=ours).send(post.mail())
        await post.sender(plain, mail=ours).send(post.mail())
        with pytest.raises(MessageRejected, match="MAIL_FROM_ADDRESS"):
            await post.sender(plain, mail=MailSettings(from_address="größe@müller.example")).send(post.mail())

    assert utf8.mails[0].sender == "bestellung@müller.example"
    assert plain.mails[0].sender == "bestellung@xn--mller-kva.example"
    assert plain.mails[0].parsed["Message-ID"].endswith("@xn--mller-kva.example>")


@pytest.mark.parametrize("address", ["alice", "alice@example.com>\r\nRCPT TO:<eve@example.com", "alice@example.com "])
async def test_what_is_no_address_is_rejected_before_anything_is_sent(
    address: str, server: SmtpServer, post: Post
) -> None:
    with pytest.raises(RecipientRejected) as caught:
        await post.sender(server).send(post.mail(address))

    assert "alice" not in str(caught.value)
    assert server.connections == 0


async def test_a_probe_connects_and_asks_and_leaves_the_connection_for_the_next_mail(
    server: SmtpServer, post: Post
) -> None:
    sender = post.sender(server)

    assert await sender.probe() == "250 2.0.0"
    await sender.send(post.mail())

    await sender.send(post.mail())

    assert server.verbs() == ["EHLO", "NOOP", *["MAIL", "RCPT", "DATA"] * 2]
    assert server.connections == 1


def test_the_default_time_limits_of_a_send_fit_into_an_attempt() -> None:
    assert longest_send(SmtpSettings()) < NOTIFICATION.attempt_limit
