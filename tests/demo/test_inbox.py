"""The inbox takes mail over real SMTP, shows it, keeps it, and misbehaves if an address asks for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from email.message import EmailMessage

import aiosmtplib
import httpx
import pytest

from demo.inbox.reader import InboxReader
from demo.inbox.smtp import CONVENTIONS, behaviours
from demo.ports import LOOPBACK
from demo.stack import Stack

HOSTILE = '<p style="color:red">Hi</p><script>alert(1)</script><img src="https://tracker.example.com/x.png">'


@pytest.fixture
async def browser(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=stack.inbox_url, trust_env=False) as client:
        yield client


def a_mail(to: str, *, subject: str = "Order 1042", message_id: str = "<1042@shop.example.com>") -> EmailMessage:
    mail = EmailMessage()
    mail["From"] = "Corner Shop <orders@shop.example.com>"
    mail["To"] = to
    mail["Subject"] = subject
    mail["Message-ID"] = message_id
    mail.set_content("The text part, größer.")
    mail.add_alternative(HOSTILE, subtype="html")
    return mail


async def send(stack: Stack, mail: EmailMessage) -> str:
    """Returns the answer to the first command that was refused, or to the mail."""
    try:
        _, answer = await aiosmtplib.send(mail, hostname=LOOPBACK, port=stack.ports.smtp)
    except aiosmtplib.SMTPRecipientsRefused as exc:
        return f"{exc.recipients[0].code} {exc.recipients[0].message}"
    except aiosmtplib.SMTPResponseException as exc:
        return f"{exc.code} {exc.message}"
    return f"250 {answer}"


async def test_a_mail_arrives_with_all_its_parts_and_is_shown_in_a_sandbox(
    stack: Stack, inbox: InboxReader, browser: httpx.AsyncClient
) -> None:
    to = "Żaneta <żaneta.żółć@example.org>"
    mail = a_mail(to, subject="<b>Bold</b> & more")
    mail.add_attachment(b"1,2", maintype="text", subtype="csv", filename="liste ü.csv")

    answer = await send(stack, mail)

    [received] = await inbox.mails()
    opened = await inbox.open(received.id)
    assert answer == f"250 2.0.0 OK queued as {received.id}"
    assert (received.envelope_from, received.envelope_to) == ("orders@shop.example.com", ("żaneta.żółć@example.org",))
    assert (received.sender, received.to) == ("Corner Shop <orders@shop.example.com>", to)
    assert (received.message_id, opened.attachments) == ("<1042@shop.example.com>", ("liste ü.csv",))
    assert ((opened.text or "").strip(), (opened.html or "").strip()) == ("The text part, größer.", HOSTILE)
    pages = [(await browser.get(f"/mails/{received.id}?view={v}")) for v in ("", "html", "text", "headers", "source")]
    assert {page.status_code for page in pages} == {200}
    shown = (await browser.get("/")).text + pages[0].text
    assert "&lt;b&gt;Bold&lt;/b&gt; &amp; more" in shown
    assert "<b>Bold</b>" not in shown
    assert f'<iframe sandbox="" src="/mails/{received.id}/html"' in shown
    html = await browser.get(f"/mails/{received.id}/html")
    assert set(html.headers["Content-Security-Policy"].split("; ")) == {
        "default-src 'none'",
        "style-src 'unsafe-inline'",
        "img-src data:",
        "sandbox",
    }


async def test_many_mails_survive_the_inbox_being_killed_newest_first_and_can_be_searched(
    stack: Stack, inbox: InboxReader
) -> None:
    mails = [a_mail(f"to{n}@example.com", message_id=f"<{n}@shop.example.com>") for n in range(20)]
    await asyncio.gather(*(send(stack, mail) for mail in mails))
    before = await inbox.mails()
    assert stack.inbox is not None

    await asyncio.to_thread(stack.inbox.kill)
    await asyncio.to_thread(stack.inbox.start)

    await send(stack, a_mail("ada@example.com", subject="Last"))
    async with InboxReader(stack.inbox_url) as reader:
        assert [mail.subject for mail in await reader.mails("ADA@")] == ["Last"]
        newest, *others = await reader.mails()
    assert (newest.id, others) == (before[0].id + 1, before)
    assert {mail.message_id for mail in before} == {mail["Message-ID"] for mail in mails}


async def test_malformed_mail_and_odd_queries_are_shown_as_well_as_they_can_be(
    stack: Stack, inbox: InboxReader, browser: httpx.AsyncClient
) -> None:
    raw = b"From: shop\r\nTo: ada@example.com\r\nSubject: =?no-such-charset?Q?x?=\r\n"
    raw += b'Content-Type: text/plain; charset="no-such-charset"\r\n\r\nbytes \xff\xfe\r\n'
    async with aiosmtplib.SMTP(hostname=LOOPBACK, port=stack.ports.smtp) as client:
        await client.sendmail("shop@example.com", ["ada@example.com"], raw)

    [mail] = await inbox.mails()
    assert "bytes" in ((await inbox.open(mail.id)).text or "")
    assert (await browser.get(f"/mails/{mail.id}")).status_code == httpx.codes.OK
    for query in ("before=x", "before=0", "before=99999999999999999999", "q=%00", "q=%3Cscript%3E"):
        answer = await browser.get(f"/?{query}")
        assert answer.status_code == httpx.codes.OK
        assert "<script>" not in answer.text
    assert (await browser.get("/mails/999999999")).status_code == httpx.codes.NOT_FOUND
    another_site = await browser.get("/api/mails", headers={"Host": "evil.example.com"})
    assert another_site.status_code == httpx.codes.BAD_REQUEST


async def test_addresses_make_it_refuse(stack: Stack, inbox: InboxReader) -> None:
    always = {await send(stack, a_mail("inse+550@example.org")) for _ in range(2)}
    some = [(await send(stack, a_mail(f"{name}+451x2@example.com")))[:3] for name in "abaabbb"]
    late = await send(stack, a_mail("a+data554@example.com"))

    assert always == {"550 5.1.1 <inse+550@example.org>: no such user"}
    assert some == ["451", "451", "451", "250", "451", "250", "451"]  # each address is counted by itself
    assert late.startswith("554 5.7.1")
    assert len(await inbox.mails()) == 2
    newest = (await inbox.refusals())[0]
    assert newest.answer == "554 5.7.1 <a+data554@example.com>: the message is refused"


def test_tags_are_understood_and_ordinary_addresses_left_alone() -> None:
    assert [len(behaviours(f"jana{tag}@example.com")) for tag, _ in CONVENTIONS] == [1] * len(CONVENTIONS)
    assert behaviours("jana+slow5@example.com")[0].seconds == 5
    for address in ("jana@example.com", "jana+news@example.com", "j550@example.com", "+@x", "a+250@b"):
        assert behaviours(address) == []
