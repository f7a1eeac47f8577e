"""Scheduled mails: subject and text are the sender's own, around them is the layout."""

from __future__ import annotations

import re

import pytest

from adapters.email.templates import JinjaMailTemplates
from domain.mail import MailContent
from tests.fakes_scheduled import a_scheduled_email

TEMPLATES = JinjaMailTemplates("Corner Shop")


def mail(text: str, subject: str = "Your week", locale: str = "en_GB") -> MailContent:
    email = a_scheduled_email().model_copy(update={"text": text, "subject": subject})
    return TEMPLATES.render("scheduled-email", locale=locale, data={"email": email})


def paragraphs(content: MailContent) -> list[str]:
    return re.findall(r"<p [^>]*>(.*?)</p>", content.html, re.DOTALL)


def test_the_text_is_what_was_written_within_the_layout() -> None:
    content = mail("Hello Ada,\nthis is your week.\n\n\n  - one & all\n  - <two>\n", subject="Your <week>\r\nBcc: eve")

    assert content.subject == "Your <week> Bcc: eve"
    assert content.text == (
        "Corner Shop\n\n"
        "Hello Ada,\nthis is your week.\n\n"
        "  - one & all\n  - <two>\n\n"
        "--------\n"
        "This message was sent to you by Corner Shop.\n"
    )
    assert [each.strip() for each in paragraphs(content)] == [
        "Hello Ada,<br>this is your week.",
        "- one &amp; all<br>  - &lt;two&gt;",
    ]
    assert "<h1" in content.html
    assert "Your &lt;week&gt; Bcc: eve</h1>" in content.html


@pytest.mark.parametrize("text", ["\n\n  \nonly one\n \n", "only one", "only one\u202e\x00"])
def test_a_text_of_one_line_is_one_paragraph(text: str) -> None:
    assert paragraphs(mail(text)) == ["only one"]


@pytest.mark.parametrize(
    ("locale", "footer"),
    [
        ("de_CH", "Diese Nachricht wurde Ihnen von Corner Shop gesendet."),
        ("ja_JP", "Corner Shop"),
        ("he_IL", "הודעה זו נשלחה אליך מאת"),
    ],
)
def test_the_layout_is_in_the_readers_language(locale: str, footer: str) -> None:
    content = mail("Hallo", locale=locale)
    assert footer in content.text
    assert f'dir="{"rtl" if locale == "he_IL" else "ltr"}"' in content.html
    assert '<p class="ink" dir="auto"' in content.html, "the text's own direction"
