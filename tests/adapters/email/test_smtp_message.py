from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.parser import BytesParser
from email.utils import parseaddr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.email.addresses import UnusableAddress, parse_address
from adapters.email.message import Mailbox, compose
from domain.mail import MailContent

WRITTEN = st.text(st.characters(exclude_categories=["Cs"]))
PRINTABLE = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]))


def write(
    *,
    subject: str = "Your order",
    text: str = "Thanks",
    html: str = "<p>Thanks</p>",
    name: str = "Alice",
    address: str = "alice@example.com",
    reply_to: str | None = None,
    eight_bit: bool = False,
) -> bytes:
    return compose(
        MailContent(subject=subject, text=text, html=html),
        sender=Mailbox("Corner Shop", "orders@shop.example.com"),
        recipient=Mailbox(name, address),
        reply_to=reply_to,
        message_id="<1@shop.example.com>",
        eight_bit=eight_bit,
    )


def read(raw: bytes) -> EmailMessage:
    message = BytesParser(policy=policy.default).parsebytes(raw)
    assert isinstance(message, EmailMessage)
    return message


def texts(raw: bytes) -> list[str]:
    parts = [part for part in read(raw).iter_parts() if isinstance(part, EmailMessage)]
    return [part.get_content().replace("\r\n", "\n") for part in parts]


def to(raw: bytes) -> tuple[str, str]:
    """The recipient's name and address.

    Decoded in the old way, since the new one takes the white space between encoded words for part of the name.
    """
    name, address = parseaddr(message_from_bytes(raw)["To"])
    return str(make_header(decode_header(name))), address


def squeezed(text: str) -> str:
    return " ".join(text.split())


def test_a_message_offers_text_and_then_html_under_the_headers_of_a_transactional_mail() -> None:
    message = read(write(reply_to="help@shop.example.com"))

    assert message.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    assert {name: value for name, value in message.items() if name not in ("Date", "Content-Type")} == {
        "From": "Corner Shop <orders@shop.example.com>",
        "To": "Alice <alice@example.com>",
        "Reply-To": "help@shop.example.com",
        "Subject": "Your order",
        "Message-ID": "<1@shop.example.com>",
        "Auto-Submitted": "auto-generated",
        "MIME-Version": "1.0",
    }
    assert abs(message["Date"].datetime - datetime.now(UTC)) < timedelta(minutes=1)
    assert message.defects == []


@given(text=WRITTEN, html=WRITTEN, eight_bit=st.booleans())
def test_texts_arrive_as_they_were_written_and_within_what_smtp_allows(text: str, html: str, eight_bit: bool) -> None:
    raw = write(text=text, html=html, eight_bit=eight_bit)

    assert texts(raw) == [re.sub(r"\r\n?", "\n", written) for written in (text, html)]
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n", raw)
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    assert eight_bit or raw.isascii()


@pytest.mark.parametrize(
    ("text", "eight_bit", "encoding"),
    [
        ("Thanks", True, "7bit"),
        ("Danke schön, Ihre Bestellung ist da", True, "8bit"),
        ("Danke schön, Ihre Bestellung ist da", False, "quoted-printable"),
        ("Спасибо за заказ", False, "base64"),
        ("ご注文ありがとうございます", True, "8bit"),
        ("x" * 999, True, "quoted-printable"),
    ],
)
def test_a_text_is_encoded_no_more_than_the_server_needs(text: str, eight_bit: bool, encoding: str) -> None:
    part = next(iter(read(write(text=text, eight_bit=eight_bit)).iter_parts()))

    assert part["Content-Transfer-Encoding"] == encoding


@given(name=PRINTABLE, subject=PRINTABLE)
def test_names_and_subjects_in_any_script_arrive_as_they_were_written(name: str, subject: str) -> None:
    raw = write(name=name, subject=subject)

    assert squeezed(read(raw)["Subject"]) == squeezed(subject)
    assert squeezed(to(raw)[0]) == squeezed(name)
    assert to(raw)[1] == "alice@example.com"
    assert raw.isascii()
    assert max(len(line) for line in raw.partition(b"\r\n\r\n")[0].split(b"\r\n")) <= 78


def test_a_recipient_without_a_name_is_addressed_by_the_address_alone() -> None:
    assert b"\r\nTo: <alice@example.com>\r\n" in write(name=" ")


@given(evil=WRITTEN, start=st.sampled_from(["\r\n", "\n", "\r", "\x0b", "\x0c", "\x85", "\u2028", "\r\n\r\n", "\0"]))
def test_no_name_and_no_subject_can_add_a_header(evil: str, start: str) -> None:
    raw = write(name=f"Alice{start}Bcc: eve@example.com{evil}", subject=f"Order{start}Bcc: eve@example.com{evil}")

    message = read(raw)
    assert len(message.keys()) == len(read(write()).keys())
    assert "Bcc" not in message
    assert to(raw)[1] == "alice@example.com"


def test_no_text_can_end_its_part_since_the_boundary_cannot_be_guessed() -> None:
    boundaries = {read(write()).get_boundary() for _ in range(20)}

    assert len(boundaries) == 20


def test_half_of_a_surrogate_pair_is_replaced_rather_than_failing_the_mail() -> None:
    raw = write(name="Ali\ud800ce", subject="Or\udfffder", text="Thank\ud800s")

    assert texts(raw)[0] == "Thank?s"
    assert read(raw)["Subject"] == "Or der"


ASCII = (
    *("alice@example.com", "a..b.@docomo.example", '"two words"@example.com', '"a@b \\" c"@example.com'),
    *("root@localhost", "alice@[IPv6:2001:db8::1]", "alice@xn--mller-kva.example"),
)
NONE = (
    *("", "alice", "<alice@example.com>", "Alice <alice@example.com>", "alice@example.com, eve@example.com"),
    *("alice@example.com\r\nRCPT TO:<eve@example.com>", "jürgen\r\n@example.com", "alice@-.example"),
    "a" * 65 + "@example.com",
)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        *((text, text) for text in ASCII),
        ("alice@müller.example", "alice@xn--mller-kva.example"),
        ("jürgen@müller.example", None),
    ],
)
def test_an_address_is_spelled_as_the_server_can_take_it(text: str, plain: str | None) -> None:
    address = parse_address(text)

    assert address.is_ascii == text.isascii()
    assert (address.spelled(smtputf8=True), address.spelled(smtputf8=False)) == (text, plain)


@pytest.mark.parametrize("text", NONE)
def test_what_is_no_single_bare_address_is_unusable(text: str) -> None:
    with pytest.raises(UnusableAddress):
        parse_address(text)
