"""All mails whole in every language, and those about payments, reports and what was written for a time."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from adapters.email.formatting import formats_for
from adapters.email.templates import JinjaMailTemplates
from adapters.email.wording import COLUMNS, RIGHT_TO_LEFT_MARK, columns
from domain.errors import InvalidRequest
from domain.mail import MailContent
from domain.orders import OrderItem
from domain.report_generation import OFFERED
from domain.reports import Report
from tests.adapters.email.test_templates import Page, an_order, confirmation, without_spaces_and_marks
from tests.fakes_reports import ADA, EXPIRES, a_finished_report
from tests.fakes_scheduled import a_scheduled_email

TEMPLATES = JinjaMailTemplates("Corner Shop")
TOTAL, PART = 372_700, 2_500
CURRENCIES = {
    "en_GB": "GBP",
    "de_DE": "EUR",
    "fr_FR": "EUR",
    "es_ES": "EUR",
    "it_IT": "EUR",
    "ja_JP": "JPY",
    "ar_KW": "KWD",
    "he_IL": "ILS",
}
LINK = "https://jobs.example.com/downloads/eyJhIjoiYiJ9.Z-x_1~" + "x" * 80 + "?a=b&c=d"
FOOTER = "--------\nThis message was sent to you by Corner Shop.\n"


def payment_mail(template: str, locale: str = "en_GB", *, name: str = "Ada Lovelace", **data: int) -> MailContent:
    item = OrderItem(name="Blue mug", quantity=1, unit_price=TOTAL)
    order = an_order(locale, item, currency=CURRENCIES[locale], name=name)
    return TEMPLATES.render(template, locale=locale, data={"order": order, **data})


def report_mail(locale: str = "en_GB", report: Report | None = None, *, name: str = "Ada Lovelace") -> MailContent:
    member = replace(ADA, locale=locale, name=name)
    data = {"member": member, "report": report or a_finished_report(), "link": LINK, "expires_at": EXPIRES}
    return TEMPLATES.render("report-ready", locale=locale, data=data)


def scheduled_mail(text: str, subject: str = "Your week", locale: str = "en_GB") -> MailContent:
    email = a_scheduled_email().model_copy(update={"text": text, "subject": subject})
    return TEMPLATES.render("scheduled-email", locale=locale, data={"email": email})


def paragraphs(content: MailContent) -> list[str]:
    return [each.strip() for each in re.findall(r"<p [^>]*>(.*?)</p>", content.html, re.DOTALL)]


def test_a_failed_payment_is_reported_with_what_the_customer_can_do() -> None:
    content = payment_mail("payment-failed")
    assert content.subject == "The payment for your Corner Shop order 1042 did not go through"
    assert content.text == (
        "Corner Shop\n\n"
        "Hello Ada Lovelace,\n\n"
        "The payment of £3,727.00 for your order 1042 did not go through. No money was\n"
        "taken, and we are keeping your order for you.\n\n"
        "You can try again in our shop, or choose another way to pay.\n\n"
        "Order number: 1042\n"
        "Order date: 24 November 2026\n"
        "Total: £3,727.00\n\n"
        "Questions about your order? Please mention the order number 1042.\n\n" + FOOTER
    )


@pytest.mark.parametrize(
    ("refunded", "subject", "title", "sentence"),
    [
        (
            TOTAL,
            "Refund for your Corner Shop order 1042",
            "Your payment has been refunded",
            "The full amount of £3,727.00 for your order 1042 has been refunded.",
        ),
        (
            PART,
            "Partial refund for your Corner Shop order 1042",
            "Part of your payment has been refunded",
            "In total, £25.00 of £3,727.00 has been refunded for your order 1042.",
        ),
    ],
)
def test_a_refund_is_in_full_only_when_all_of_the_total_went_back(
    refunded: int, subject: str, title: str, sentence: str
) -> None:
    content = payment_mail("payment-refunded", refunded=refunded)
    assert content.subject == subject
    assert f">{title}</h1>" in content.html
    assert f"\n\n{sentence}\n\nThe money goes back by the way you paid." in content.text
    assert sentence in Page(content.html).text
    assert f"Refunded: {formats_for('en_GB').money(refunded, 'GBP')}\n" in content.text


def test_a_report_is_announced_with_its_link_and_how_long_that_works() -> None:
    content = report_mail()
    assert content.subject == "Your Corner Shop report is ready: sales-summary-2026-10.pdf"
    assert content.text == (
        "Corner Shop\n\n"
        "Hello Ada Lovelace,\n\n"
        "The report “Sales summary” for the period 2026-10 is ready. You can download\n"
        "it here:\n\n"
        f"{LINK}\n\n"
        "The link works until 1 December 2026, 13:30 (Europe/Zurich). Whoever has the\n"
        "link can download the file, so please don't pass it on.\n\n"
        "File: sales-summary-2026-10.pdf\n"
        "Period: 2026-10\n"
        "Time zone: Europe/Zurich\n"
        "Size: 48.2 kB\n\n"
        "Has the link stopped working? Ask for the report again, and you will get a new\n"
        "one.\n\n" + FOOTER
    )


def test_the_text_of_a_scheduled_mail_is_what_was_written_within_the_layout() -> None:
    text = "Hello Ada,\nthis is your week.\n\n\n  - one & all\n  - <two>\u202e\x00\n"
    content = scheduled_mail(text, subject="Your <week>\r\nBcc: eve")

    assert content.subject == "Your <week> Bcc: eve"
    assert content.text == ("Corner Shop\n\nHello Ada,\nthis is your week.\n\n  - one & all\n  - <two>\n\n" + FOOTER)
    assert paragraphs(content) == ["Hello Ada,<br>this is your week.", "- one &amp; all<br>  - &lt;two&gt;"]
    assert "Your &lt;week&gt; Bcc: eve</h1>" in content.html
    assert paragraphs(scheduled_mail("\n\n  \nonly one\n \n")) == ["only one"]


@pytest.mark.parametrize("locale", CURRENCIES)
def test_mails_are_whole_in_every_language(locale: str) -> None:
    right_to_left = locale in ("ar_KW", "he_IL")
    mark = RIGHT_TO_LEFT_MARK if right_to_left else ""
    money = {units: formats_for(locale).money(units, CURRENCIES[locale]) for units in (TOTAL, PART)}
    size = formats_for(locale).file_size(48_213)
    report_facts = ["sales-summary-2026-10.pdf", "Europe/Zurich", "2026-10", "AdaLovelace", size]
    order = an_order(locale, currency=CURRENCIES[locale])
    ordered = ["1042", "Blue mug", "Wall calendar", formats_for(locale).date(order.placed_at), *money.values()]
    mails: list[tuple[MailContent, MailContent, list[str]]] = [
        (confirmation(order), confirmation(an_order()), ordered),
        (payment_mail("payment-failed", locale), payment_mail("payment-failed"), ["1042", money[TOTAL]]),
        (
            payment_mail("payment-refunded", locale, refunded=PART),
            payment_mail("payment-refunded", refunded=PART),
            ["1042", money[TOTAL], money[PART]],
        ),
        (
            payment_mail("payment-refunded", locale, refunded=TOTAL),
            payment_mail("payment-refunded", refunded=TOTAL),
            ["1042", money[TOTAL]],
        ),
        (report_mail(locale), report_mail(), report_facts),
    ]

    for content, english, facts in mails:
        page = Page(content.html)
        assert (content.subject == english.subject) == (locale == "en_GB")
        assert f'<html lang="{locale.replace("_", "-")}" ' in content.html
        assert ('dir="rtl"' in content.html) == right_to_left
        for fact in map(without_spaces_and_marks, facts):
            assert fact in without_spaces_and_marks(content.text)
            assert fact in without_spaces_and_marks(page.text)
        lines = [line for line in content.text.splitlines() if LINK not in line]
        assert max(map(columns, lines)) <= COLUMNS
        assert all(line.startswith(RIGHT_TO_LEFT_MARK) == right_to_left for line in lines if line)
        assert {"img", "link", "script", "iframe"}.isdisjoint(page.elements)
        links = [value for name, value in page.attributes if name == "href"]
        assert links == ([LINK] if facts is report_facts else [])
    # The link is a line by itself, with nothing after it that could be taken as a part of it.
    assert f"\n{mark}{LINK}\n" in mails[-1][0].text
    for report, formats in OFFERED.items():
        content = report_mail(locale, a_finished_report(report=report, format=min(formats)))
        assert f"{report}-2026-10.{min(formats)}" in content.text
        assert "name_" not in content.text + content.html
    scheduled = scheduled_mail("Hallo", locale=locale)
    assert ('dir="rtl"' in scheduled.html) == right_to_left
    assert ("This message was sent to you" in scheduled.text) == (locale == "en_GB")
    assert '<p class="ink" dir="auto"' in scheduled.html, "the text's own direction"


def test_a_reader_without_a_name_is_greeted() -> None:
    order = an_order(name=" ")
    for content in (confirmation(order), payment_mail("payment-failed", name=" "), report_mail(name=" ")):
        assert "\nHello,\n" in content.text
        assert ">Hello,<" in content.html


def test_a_refund_without_its_amount_is_a_permanent_error() -> None:
    with pytest.raises(InvalidRequest, match="'refunded' is undefined"):
        payment_mail("payment-refunded")


@pytest.mark.parametrize(
    ("locale", "size", "written"),
    [
        ("en_GB", 4, "0.1 kB"),
        ("en_GB", 999_949, "999.9 kB"),
        ("fr_FR", 4_711_000, "4,7\u202fMo"),
        ("en_GB", 12_345_678_901_234, "12,345.7 GB"),
    ],
)
def test_sizes_are_written_as_people_do(locale: str, size: int, written: str) -> None:
    assert formats_for(locale).file_size(size) == written
