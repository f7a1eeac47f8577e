import pytest

from adapters.email.formatting import formats_for
from adapters.email.templates import JinjaMailTemplates
from adapters.email.wording import COLUMNS, RIGHT_TO_LEFT_MARK, columns
from domain.errors import InvalidRequest
from domain.mail import MailContent
from domain.orders import OrderItem
from tests.adapters.email.test_templates import Page, an_order, without_spaces_and_marks

TEMPLATES = JinjaMailTemplates("Corner Shop")
TOTAL, PART = 372_700, 2_500
LOCALES = {
    "en_GB": "GBP",
    "de_DE": "EUR",
    "fr_FR": "EUR",
    "es_ES": "EUR",
    "it_IT": "EUR",
    "ja_JP": "JPY",
    "ar_KW": "KWD",
    "he_IL": "ILS",
}
MAILS: list[tuple[str, dict[str, int]]] = [
    ("payment-failed", {}),
    ("payment-refunded", {"refunded": TOTAL}),
    ("payment-refunded", {"refunded": PART}),
]


def mail(template: str, data: dict[str, int], locale: str = "en_GB", *, name: str = "Ada Lovelace") -> MailContent:
    item = OrderItem(name="Blue mug", quantity=1, unit_price=TOTAL)
    order = an_order(locale, item, currency=LOCALES[locale], name=name)
    return TEMPLATES.render(template, locale=locale, data={"order": order} | data)


def test_a_failed_payment_is_told_with_what_the_customer_can_do() -> None:
    content = mail("payment-failed", {})
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
        "Questions about your order? Please mention the order number 1042.\n\n"
        "--------\n"
        "This message was sent to you by Corner Shop.\n"
    )


def test_a_refund_of_a_part_is_told_with_what_went_back_in_total() -> None:
    content = mail("payment-refunded", {"refunded": PART})
    assert content.subject == "Partial refund for your Corner Shop order 1042"
    assert content.text == (
        "Corner Shop\n\n"
        "Hello Ada Lovelace,\n\n"
        "In total, £25.00 of £3,727.00 has been refunded for your order 1042.\n\n"
        "The money goes back by the way you paid. It may take some days to reach you.\n\n"
        "Order number: 1042\n"
        "Order date: 24 November 2026\n"
        "Refunded: £25.00\n"
        "Order total: £3,727.00\n\n"
        "Questions about your order? Please mention the order number 1042.\n\n"
        "--------\n"
        "This message was sent to you by Corner Shop.\n"
    )


@pytest.mark.parametrize(
    ("refunded", "subject", "title"),
    [
        (TOTAL, "Refund for your Corner Shop order 1042", "Your payment has been refunded"),
        (TOTAL - 1, "Partial refund for your Corner Shop order 1042", "Part of your payment has been refunded"),
    ],
)
def test_a_refund_is_in_full_only_when_all_of_the_total_went_back(refunded: int, subject: str, title: str) -> None:
    content = mail("payment-refunded", {"refunded": refunded})
    assert content.subject == subject
    assert f">{title}</h1>" in content.html
    full = "The full amount of £3,727.00 for your order 1042 has been refunded."
    assert (full in content.text, full in Page(content.html).text) == (refunded == TOTAL, refunded == TOTAL)


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize(("template", "data"), MAILS, ids=["failed", "refunded", "refunded-in-part"])
def test_mails_about_payments_are_whole_in_every_language(template: str, data: dict[str, int], locale: str) -> None:
    content = mail(template, data, locale)
    page = Page(content.html)
    formats = formats_for(locale)

    assert (content.subject == mail(template, data).subject) == (locale == "en_GB")
    assert "1042" in content.subject
    assert f'<html lang="{locale.replace("_", "-")}" ' in content.html
    for units in (TOTAL, *data.values()):
        amount = without_spaces_and_marks(formats.money(units, LOCALES[locale]))
        assert without_spaces_and_marks(content.text).count(amount) >= 2  # in the sentence and in the list
        assert without_spaces_and_marks(page.text).count(amount) >= 3  # in the preview, too
    assert max(columns(line) for line in content.text.splitlines()) <= COLUMNS
    assert {"img", "link", "script", "iframe", "a"}.isdisjoint(page.elements)
    right_to_left = locale in ("ar_KW", "he_IL")
    assert ('dir="rtl"' in content.html) == right_to_left
    assert all(line.startswith(RIGHT_TO_LEFT_MARK) == right_to_left for line in content.text.splitlines() if line)


@pytest.mark.parametrize(("template", "data"), MAILS[:2], ids=["failed", "refunded"])
def test_a_customer_without_a_name_is_greeted_in_mails_about_payments(template: str, data: dict[str, int]) -> None:
    content = mail(template, data, name=" ")
    assert "\nHello,\n" in content.text
    assert ">Hello,<" in content.html


def test_a_refund_without_its_amount_is_a_permanent_error() -> None:
    with pytest.raises(InvalidRequest, match="'refunded' is undefined"):
        mail("payment-refunded", {})
