"""Addresses make the inbox misbehave as real mail servers do."""

from collections.abc import AsyncIterator

import aiosmtplib
import pytest

from demo.inbox.behaviour import CONVENTIONS, behaviours
from demo.inbox.reader import InboxReader
from demo.stack import Stack

MAIL = b"From: shop@example.com\r\nSubject: Order\r\n\r\nHello\r\n"


@pytest.fixture
async def client(stack: Stack) -> AsyncIterator[aiosmtplib.SMTP]:
    connection = aiosmtplib.SMTP(hostname=stack.smtp_host, port=stack.smtp_port)
    await connection.connect()
    yield connection
    connection.close()


async def send(client: aiosmtplib.SMTP, to: str) -> str:
    """Returns the answer to the first command that was refused, or to the mail."""
    try:
        _, answer = await client.sendmail("shop@example.com", [to], MAIL)
    except aiosmtplib.SMTPRecipientsRefused as exc:
        return f"{exc.recipients[0].code} {exc.recipients[0].message}"
    except aiosmtplib.SMTPResponseException as exc:
        return f"{exc.code} {exc.message}"
    return f"250 {answer}"


async def test_a_tag_550_is_refused_always_with_the_address_in_the_answer(
    client: aiosmtplib.SMTP, inbox: InboxReader
) -> None:
    answers = {await send(client, "inse+550@example.org") for _ in range(3)}

    assert answers == {"550 5.1.1 <inse+550@example.org>: no such user"}
    assert await inbox.mails() == []


async def test_a_tag_451x2_is_refused_twice_then_accepted_and_begins_anew(
    client: aiosmtplib.SMTP, inbox: InboxReader
) -> None:
    answers = [(await send(client, "asa+451x2@example.com"))[:3] for _ in range(6)]

    assert answers == ["451", "451", "250", "451", "451", "250"]
    assert len(await inbox.mails()) == 2


async def test_addresses_are_counted_each_by_itself(client: aiosmtplib.SMTP, inbox: InboxReader) -> None:
    answers = [(await send(client, f"{name}+451x1@example.com"))[:3] for name in ("a", "b", "a", "b")]

    assert answers == ["451", "451", "250", "250"]
    assert len(await inbox.refusals()) == 2


async def test_a_tag_data554_refuses_the_mail_after_its_last_byte(client: aiosmtplib.SMTP, inbox: InboxReader) -> None:
    with pytest.raises(aiosmtplib.SMTPDataError, match=r"5\.7\.1"):
        await client.sendmail("shop@example.com", ["a+data554@example.com"], MAIL)

    assert await inbox.mails() == []


async def test_a_tag_lost_keeps_the_mail_but_not_the_connection(client: aiosmtplib.SMTP, inbox: InboxReader) -> None:
    with pytest.raises(aiosmtplib.SMTPServerDisconnected):
        await client.sendmail("shop@example.com", ["a+lostx1@example.com"], MAIL)
    assert len(await inbox.mails()) == 1

    await client.connect()
    assert (await send(client, "a+lostx1@example.com")).startswith("250")
    assert len(await inbox.mails()) == 2


async def test_a_tag_cut_keeps_neither(client: aiosmtplib.SMTP, inbox: InboxReader) -> None:
    with pytest.raises(aiosmtplib.SMTPServerDisconnected):
        await client.sendmail("shop@example.com", ["a+cut@example.com"], MAIL)

    assert await inbox.mails() == []


async def test_a_tag_slow_delays_the_answer(client: aiosmtplib.SMTP, inbox: InboxReader) -> None:
    client.timeout = 0.2
    with pytest.raises(aiosmtplib.SMTPTimeoutError):
        await client.sendmail("shop@example.com", ["a+slow1@example.com"], MAIL)

    assert await inbox.mails() == []


async def test_refusals_are_listed_newest_first(client: aiosmtplib.SMTP, inbox: InboxReader) -> None:
    await send(client, "a+550@example.com")
    await send(client, "b+452@example.com")

    assert [refusal.answer for refusal in await inbox.refusals()] == [
        "452 4.2.2 <b+452@example.com>: mailbox is full, try again later",
        "550 5.1.1 <a+550@example.com>: no such user",
    ]


@pytest.mark.parametrize("tag", [tag for tag, _ in CONVENTIONS])
def test_every_documented_tag_is_understood(tag: str) -> None:
    assert len(behaviours(f"jana{tag}@example.com")) == 1


@pytest.mark.parametrize("address", ["jana@example.com", "jana+news@example.com", "j550@example.com", "+@x", "a+250@b"])
def test_ordinary_addresses_are_left_alone(address: str) -> None:
    assert behaviours(address) == []
