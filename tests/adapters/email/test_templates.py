# ruff: noqa: RUF001 - multiplication signs, Arabic letters and Japanese brackets are meant as they are

import re
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.email.formatting import formats_for
from adapters.email.templates import JinjaMailTemplates
from adapters.email.wording import COLUMNS, RIGHT_TO_LEFT_MARK, columns, one_line, without_isolates
from domain.mail import MailContent
from domain.orders import Customer, Order, OrderItem
from domain.ports import MailTemplates

TEMPLATES: MailTemplates = JinjaMailTemplates("Corner Shop")
MUG = OrderItem(name="Blue mug", quantity=2, unit_price=1250)
CALENDAR = OrderItem(name="Wall calendar", quantity=3, unit_price=123400)


def an_order(
    locale: str = "en_GB",
    *items: OrderItem,
    currency: str = "EUR",
    name: str = "Ada Lovelace",
    gift_note: str | None = None,
) -> Order:
    bought = items or (MUG, CALENDAR)
    return Order(
        id=1042,
        customer=Customer(id=1, name=name, email="ada@example.com", locale=locale),
        currency=currency,
        total=sum(item.quantity * item.unit_price for item in bought),
        items=bought,
        gift_note=gift_note,
        placed_at=datetime(2026, 11, 24, 6, 21, tzinfo=UTC),
        confirmation_sent_at=None,
    )


def confirmation(order: Order) -> MailContent:
    return TEMPLATES.render("order-confirmation", locale=order.customer.locale, data={"order": order})


def without_spaces_and_marks(text: str) -> str:
    return "".join(without_isolates(text).replace(RIGHT_TO_LEFT_MARK, "").split())


class Page(HTMLParser):
    """Reads a page as a mail program does; void elements aside, every element must be closed in order."""

    VOID = frozenset({"meta", "br", "img", "link", "hr"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.text += data


def test_an_order_is_confirmed_in_plain_text() -> None:
    content = confirmation(an_order(gift_note="Happy birthday!\r\nSee you soon."))
    assert content.subject == "Your Corner Shop order 1042 is confirmed"
    assert content.text == (
        "Corner Shop\n\n"
        "Hello Ada Lovelace,\n\n"
        "We have received your order. Here is a summary for your records.\n\n"
        "Order number: 1042\n"
        "Order date: 24 November 2026\n\n"
        "Your items:\n\n"
        "  Blue mug\n"
        "  2 × €12.50 = €25.00\n\n"
        "  Wall calendar\n"
        "  3 × €1,234.00 = €3,702.00\n\n"
        "Total: €3,727.00\n\n"
        "Gift note:\n\n"
        "  Happy birthday!\n"
        "  See you soon.\n\n"
        "Questions about your order? Please mention the order number 1042.\n\n"
        "--------\n"
        "This message was sent to you by Corner Shop.\n"
    )
    assert Page(content.html).text.count("€3,727.00") == 2  # in the preview, too


@pytest.mark.parametrize(
    ("locale", "subject", "lang"),
    [
        ("de_CH", "Ihre Bestellung 1042 bei Corner Shop ist bestätigt", "de-CH"),
        ("fr_CA", "Votre commande 1042 chez Corner Shop est confirmée", "fr-CA"),
        ("es_MX", "Su pedido 1042 en Corner Shop está confirmado", "es-MX"),
        ("it", "Il suo ordine 1042 presso Corner Shop è confermato", "it"),
        ("ja_JP", "【Corner Shop】ご注文確認（注文番号 1042）", "ja-JP"),
        ("ar_KW", "تم تأكيد طلبك رقم 1042 من Corner Shop", "ar-KW"),
        ("he_IL", "הזמנתך 1042 אצל Corner Shop אושרה", "he-IL"),
    ],
)
def test_the_mail_is_in_the_customer_s_language(locale: str, subject: str, lang: str) -> None:
    content = confirmation(an_order(locale))
    assert content.subject == subject
    assert f'<html lang="{lang}" ' in content.html
    assert "Order" not in content.text


def test_a_language_without_translation_is_english_with_the_locale_s_amounts() -> None:
    content = confirmation(an_order("sv_SE", currency="SEK"))
    assert content.subject == "Your Corner Shop order 1042 is confirmed"
    assert "Total: 3\xa0727,00\xa0kr" in content.text
    assert '<html lang="en" dir="ltr"' in content.html


@pytest.mark.parametrize("locale", ["ar_KW", "he_IL"])
def test_arabic_and_hebrew_mails_are_laid_out_from_right_to_left(locale: str) -> None:
    content = confirmation(an_order(locale))
    assert 'dir="rtl"' in content.html
    assert '<span dir="auto">Blue mug</span>' in content.html
    assert "text-align: left" in content.html  # amounts stand at the end of a line
    assert all(line.startswith("\u200f") for line in content.text.splitlines() if line)


def test_markup_in_a_gift_note_shows_as_text() -> None:
    content = confirmation(an_order(gift_note="<b>Love</b> & <script>alert(1)</script> {{ order }}"))
    assert "&lt;b&gt;Love&lt;/b&gt; &amp; &lt;script&gt;" in content.html
    assert {"b", "script"}.isdisjoint(Page(content.html).elements)
    assert "<b>Love</b> & <script>alert(1)</script> {{ order }}" in content.text


def test_the_subject_is_one_line_even_where_the_shop_s_name_is_not() -> None:
    templates = JinjaMailTemplates("Corner\r\nBcc: all@example.com")
    subject = templates.render("order-confirmation", locale="en", data={"order": an_order()}).subject
    assert subject == "Your Corner Bcc: all@example.com order 1042 is confirmed"


def test_a_mail_of_sixty_items_is_short_enough_not_to_be_clipped() -> None:
    items = [OrderItem(name=f"{n} " + "Name " * 10, quantity=n, unit_price=n) for n in range(1, 61)]
    for locale in ("en", "ar_KW"):
        content = confirmation(an_order(locale, *items))
        page = Page(content.html).text
        assert all(item.name.strip() in page for item in items)
        assert len(content.html.encode()) < 100_000  # Gmail cuts at 102 kB


def test_long_lines_of_the_text_are_wrapped() -> None:
    name = "A name with many words that goes on " * 8
    content = confirmation(an_order("de", OrderItem(name=name, quantity=1, unit_price=1), gift_note="ありがとう" * 50))
    assert max(columns(line) for line in content.text.splitlines()) <= COLUMNS


@settings(deadline=None)
@given(
    name=st.text(),
    item_name=st.text(),
    note=st.text(),
    locale=st.sampled_from(["en_US", "de_CH", "ja_JP", "ar_KW", "he_IL", "fa_IR", "sv_SE", "zz"]),
)
def test_any_text_is_rendered_escaped_and_whole(name: str, item_name: str, note: str, locale: str) -> None:
    item = OrderItem(name=item_name, quantity=1, unit_price=1)
    content = confirmation(an_order(locale, item, name=name, gift_note=note))
    plain = Page(confirmation(an_order(locale, gift_note="x" if note.strip() else None, name="x")).html)

    page = Page(content.html)

    for written in (name, item_name):
        typed = without_isolates(one_line(written))
        assert typed in page.text
        assert without_spaces_and_marks(typed) in without_spaces_and_marks(content.text)
    assert set(page.elements) <= {*plain.elements, "br", "span"}
    assert {"img", "link", "script", "iframe", "a"}.isdisjoint(page.elements)
    assert "\n" not in content.subject
    assert content.html.encode()
    assert content.text.encode()


@settings(deadline=None)
@given(
    quantities=st.lists(st.tuples(st.integers(1, 10**6), st.integers(0, 2**63 - 1)), min_size=1, max_size=5),
    currency=st.sampled_from(["EUR", "JPY", "KWD", "CHF", "INR"]),
)
def test_line_totals_and_the_total_are_exact(quantities: list[tuple[int, int]], currency: str) -> None:
    items = [OrderItem(name="Mug", quantity=quantity, unit_price=price) for quantity, price in quantities]
    order = an_order("en_GB", *items, currency=currency)

    text = re.sub("[ \n]+", " ", confirmation(order).text)

    amounts = [int(re.sub("[^0-9]", "", amount)) for amount in re.findall(r" = ([^ ]+)", text)]
    assert amounts == [quantity * price for quantity, price in quantities]
    assert f" Total: {formats_for('en_GB').money(order.total, currency)} " in text
