"""The inbox takes mail over real SMTP, shows it, and keeps it."""

import asyncio
from email.message import EmailMessage

import aiosmtplib
import httpx
import pytest

from demo.inbox.reader import InboxReader
from demo.stack import Stack

HOSTILE = '<p style="color:red">Hi</p><script>alert(1)</script><img src="https://tracker.example.com/x.png">'


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
    """Returns the server's answer; a connection for each mail."""
    _, answer = await aiosmtplib.send(mail, hostname=stack.smtp_host, port=stack.smtp_port)
    return answer


async def test_a_mail_arrives_with_all_its_parts(stack: Stack, inbox: InboxReader) -> None:
    answer = await send(stack, a_mail("Ada <ada@example.com>"))

    [mail] = await inbox.mails()
    assert answer == f"2.0.0 OK queued as {mail.id}"
    assert mail.envelope_from == "orders@shop.example.com"
    assert mail.envelope_to == ("ada@example.com",)
    assert (mail.sender, mail.to) == ("Corner Shop <orders@shop.example.com>", "Ada <ada@example.com>")
    assert (mail.subject, mail.message_id) == ("Order 1042", "<1042@shop.example.com>")
    opened = await inbox.open(mail.id)
    assert (opened.text or "").strip() == "The text part, größer."
    assert (opened.html or "").strip() == HOSTILE
    assert ("Subject", "Order 1042") in opened.headers
    assert "Subject: Order 1042\r\n" in opened.source


async def test_the_newest_mail_comes_first_and_the_list_can_be_searched(stack: Stack, inbox: InboxReader) -> None:
    await send(stack, a_mail("ada@example.com", subject="First", message_id="<1@shop.example.com>"))
    await send(stack, a_mail("bob@example.com", subject="Second", message_id="<2@shop.example.com>"))

    assert [mail.subject for mail in await inbox.mails()] == ["Second", "First"]
    assert [mail.subject for mail in await inbox.mails("ADA@example")] == ["First"]
    assert [mail.subject for mail in await inbox.mails("<2@shop")] == ["Second"]


async def test_an_address_with_letters_beyond_ascii_receives_mail(stack: Stack, inbox: InboxReader) -> None:
    await send(stack, a_mail("Żaneta <żaneta.żółć@example.org>"))

    [mail] = await inbox.mails()
    assert mail.envelope_to == ("żaneta.żółć@example.org",)
    assert mail.to == "Żaneta <żaneta.żółć@example.org>"


async def test_an_accepted_mail_survives_the_inbox_being_killed(stack: Stack, inbox: InboxReader) -> None:
    await send(stack, a_mail("ada@example.com"))
    before = await inbox.mails()
    assert stack.inbox is not None

    await asyncio.to_thread(stack.inbox.kill)
    await asyncio.to_thread(stack.inbox.start)

    async with InboxReader(stack.inbox_url) as reader:
        assert await reader.mails() == before
    await send(stack, a_mail("bob@example.com"))
    assert [mail.id for mail in await inbox.mails()] == [before[0].id + 1, before[0].id]


async def test_the_page_shows_the_mail_and_keeps_its_html_in_a_sandbox(stack: Stack, inbox: InboxReader) -> None:
    await send(stack, a_mail("ada@example.com", subject="<b>Bold</b> & more"))
    [mail] = await inbox.mails()
    async with httpx.AsyncClient(base_url=stack.inbox_url, trust_env=False) as browser:
        home = (await browser.get("/")).text
        page = (await browser.get(f"/mails/{mail.id}")).text
        html = await browser.get(f"/mails/{mail.id}/html")

    assert "&lt;b&gt;Bold&lt;/b&gt; &amp; more" in home
    assert "<b>Bold</b>" not in home + page
    assert f'<iframe sandbox="" src="/mails/{mail.id}/html"' in page
    policy = {word for part in html.headers["Content-Security-Policy"].split("; ") for word in [part]}
    assert policy == {"default-src 'none'", "style-src 'unsafe-inline'", "img-src data:", "sandbox"}


async def test_every_view_of_every_mail_can_be_opened(stack: Stack, inbox: InboxReader) -> None:
    plain = EmailMessage()
    plain["From"], plain["To"], plain["Subject"] = "shop@example.com", "ada@example.com", "No HTML"
    plain.set_content("Only text")
    bare = EmailMessage()
    bare["From"], bare["To"] = "shop@example.com", "ada@example.com"
    attached = a_mail("ada@example.com")
    attached.add_attachment(b"1,2", maintype="text", subtype="csv", filename="liste ü.csv")
    for mail in (plain, bare, attached):
        await send(stack, mail)

    async with httpx.AsyncClient(base_url=stack.inbox_url, trust_env=False) as browser:
        for received in await inbox.mails():
            for view in ("", "?view=html", "?view=text", "?view=headers", "?view=source", "?view=nonsense"):
                answer = await browser.get(f"/mails/{received.id}{view}")
                assert answer.status_code == httpx.codes.OK
            assert (await browser.get(f"/mails/{received.id}/raw")).status_code == httpx.codes.OK
        newest = (await inbox.mails())[0]
        assert "liste ü.csv" in (await browser.get(f"/mails/{newest.id}")).text
        assert (await browser.get("/mails/999999999")).status_code == httpx.codes.NOT_FOUND


async def test_malformed_mail_is_shown_as_well_as_it_can_be(stack: Stack, inbox: InboxReader) -> None:
    raw = b"From: shop\r\nTo: ada@example.com\r\nSubject: =?no-such-charset?Q?x?=\r\n"
    raw += b'Content-Type: text/plain; charset="no-such-charset"\r\n\r\nbytes \xff\xfe\r\n'
    async with aiosmtplib.SMTP(hostname=stack.smtp_host, port=stack.smtp_port) as client:
        await client.sendmail("shop@example.com", ["ada@example.com"], raw)

    [mail] = await inbox.mails()
    assert "bytes" in ((await inbox.open(mail.id)).text or "")
    async with httpx.AsyncClient(base_url=stack.inbox_url, trust_env=False) as browser:
        assert (await browser.get(f"/mails/{mail.id}")).status_code == httpx.codes.OK


async def test_a_site_under_another_name_does_not_reach_the_inbox(stack: Stack) -> None:
    async with httpx.AsyncClient(base_url=stack.inbox_url, trust_env=False) as browser:
        answer = await browser.get("/api/mails", headers={"Host": "evil.example.com"})

    assert answer.status_code == httpx.codes.BAD_REQUEST


async def test_many_connections_at_once_lose_no_mail(stack: Stack, inbox: InboxReader) -> None:
    mails = [a_mail("ada@example.com", message_id=f"<{number}@shop.example.com>") for number in range(40)]

    await asyncio.gather(*(send(stack, mail) for mail in mails))

    received = await inbox.mails()
    assert {mail.message_id for mail in received} == {mail["Message-ID"] for mail in mails}
    assert len(received) == len(mails)


@pytest.mark.parametrize("query", ["before=x", "before=0", "before=99999999999999999999", "q=%00", "q=%3Cscript%3E"])
async def test_odd_queries_are_answered(query: str, stack: Stack) -> None:
    async with httpx.AsyncClient(base_url=stack.inbox_url, trust_env=False) as browser:
        answer = await browser.get(f"/?{query}")

    assert answer.status_code == httpx.codes.OK
    assert "<script>" not in answer.text
