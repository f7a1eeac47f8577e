"""The sales summary as a PDF: what people read in it."""

from __future__ import annotations

import ctypes
from datetime import UTC, datetime, timedelta

import pypdfium2
import pypdfium2.raw as pdfium
import pytest

from domain.report_generation import ReportName
from tests.adapters.reports.shop import Drawn, Shop, pages_of, report_of

SALES = ReportName.sales_summary
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)

HOSTILE = [
    '#read("/etc/passwd")',
    "#panic() *bold* _it_ $x^2$",
    "@reference <label> `raw`",
    "\\ // /* = heading",
    "- list + enum / term: x",
    '#import "@preview/cetz:0.1.0"',
    "]]} #{ #[",
    "\"quoted\" 'single'",
    "<r>rich</r> &amp; <b>",
    "=HYPERLINK(1) {{ jinja }} %s",
]


async def test_all_that_is_told_can_be_read_on_its_pages(shop: Shop, drawn: Drawn) -> None:
    await shop.spread(2000)
    report = report_of(SALES, zone="Asia/Kathmandu", as_of=datetime(2026, 4, 1, 3, 5, tzinfo=UTC))
    drawing = await drawn.of(report)
    pages = pages_of(drawing.content)
    assert drawing.rows == 4 * 31
    for words in (
        "Sales summary",
        "March 2026",
        "1 March 2026 – 31 March 2026",  # noqa: RUF001  # typography
        "Days and times of Asia/Kathmandu",
        "As of 1 April 2026, 08:50 (UTC+05:45)",
        "Revenue is the total of all orders that were placed in the period",
        "Revenue by day, EUR",
    ):
        assert words in pages[0]
    assert "had not ended" not in pages[0]
    for number, page in enumerate(pages, start=1):
        assert f"Page {number} of {len(pages)}" in page
        assert "As of 1 April 2026" in page
        assert number == 1 or page.startswith("Sales summary March 2026\n")
    whole = "\n".join(pages)
    row = await shop.connection.fetchrow(
        "SELECT count(*) AS orders, sum(total) AS revenue FROM orders WHERE currency = 'KWD' AND"
        " placed_at >= '2026-02-28 18:15+00' AND placed_at < '2026-03-31 18:15+00'"
    )
    assert f"KWD {row['orders']:,} {row['revenue'] / 1000:,.3f}" in whole
    assert f"Total {row['orders']:,} {row['revenue'] / 1000:,.3f}" in whole
    assert whole.count("Top products, ") == 4
    # The table of days goes on on other pages, with its titles.
    titles = "Day Orders Revenue of it paid of it awaited Refunded Net"
    assert whole.count(titles) > whole.count("By day, ") == 4


async def test_the_same_data_gives_the_same_bytes(shop: Shop, drawn: Drawn) -> None:
    await shop.spread(200)
    for form in ("pdf", "xlsx", "csv"):
        first, second = [await drawn.of(report_of(SALES, form)) for _ in range(2)]
        assert first == second


async def test_no_text_is_markup_or_code(shop: Shop, drawn: Drawn) -> None:
    for number, name in enumerate(HOSTILE):
        await shop.order(NOON, [(name, 1, 9900 - number)])
    page = "".join(await drawn.pages(report_of(SALES)))
    for number, name in enumerate(HOSTILE, start=1):
        assert f"{number} {name} 1 {(9901 - number) / 100:.2f}" in page


async def test_a_name_stays_on_its_line_and_in_its_column(shop: Shop, drawn: Drawn) -> None:
    await shop.order(NOON, [("x" * 5000, 1, 9), ("One\n\ttwo\u202ethree\x7f", 1, 8), ("\u200b", 1, 7)])
    content = (await drawn.of(report_of(SALES))).content
    assert "2 One two three 1 0.08" in "".join(pages_of(content))
    document = pypdfium2.PdfDocument(content)
    for page in document:
        text = page.get_textpage()
        right = max(text.get_charbox(number)[2] for number in range(text.count_chars()))
        assert right < page.get_width() - 40
    document.close()


async def test_names_of_all_scripts_are_set_in_a_font_that_has_them(shop: Shop, drawn: Drawn) -> None:
    names = {
        "Teeblätter ½ Łódź": "NotoSans-",
        "Πράσινο τσάι": "NotoSans-",
        "Зелёный чай": "NotoSans-",
        "شاي أخضر": "NotoSansArabic",
        "תה ירוק": "NotoSansHebrew",
        "緑茶ティーバッグ": "NotoSansCJKjp",
        "中国绿茶": "NotoSansCJKsc",
        "한국 녹차": "NotoSansCJKkr",
        "ชาเขียว": "NotoSansThai",
        "हरी चाय": "NotoSansDevanagari",
        "🍵": "NotoEmoji",
    }
    for name in names:
        await shop.order(NOON, [(name, 1, 1000)])
    content = (await drawn.of(report_of(SALES))).content
    used = _fonts_of(content)
    for expected in names.values():
        assert any(expected in font.replace("VF", "") for font in used), (expected, used)
    text = "".join(pages_of(content))
    for name in ("Łódź", "Πράσινο τσάι", "Зелёный чай", "緑茶ティーバッグ", "中国绿茶", "한국 녹차", "ชาเขียว", "🍵"):
        assert name in text


async def test_a_period_without_orders_says_so(drawn: Drawn) -> None:
    (page,) = await drawn.pages(report_of(SALES, period="2026-02"))
    assert "No orders in this period" in page
    assert "Nothing was placed, so there is nothing to add up." in page
    assert "Page 1 of 1" in page


@pytest.mark.parametrize(
    ("period", "has", "has_not"),
    [
        ("2026-03-10", ["Tuesday, 10 March 2026", "Top products, EUR"], ["Revenue by", "By day"]),
        ("2026-03-01..2026-05-02", ["Revenue by month, EUR", "March 2026 1 10.00", "May 2026 0 0.00"], ["by day"]),
        ("2026", ["Revenue by month, EUR", "Dec"], ["Revenue by day"]),
    ],
)
async def test_a_long_period_is_told_by_months(
    shop: Shop, drawn: Drawn, period: str, has: list[str], has_not: list[str]
) -> None:
    await shop.order(NOON)
    text = "\n".join(await drawn.pages(report_of(SALES, period=period)))
    assert [words for words in has if words not in text] == []
    assert [words for words in has_not if words in text] == []


async def test_a_period_that_goes_on_says_so_and_tells_only_of_days_that_have_begun(shop: Shop, drawn: Drawn) -> None:
    await shop.order(NOON)
    report = report_of(SALES, as_of=NOON + timedelta(days=2))
    drawing = await drawn.of(report)
    text = "\n".join(pages_of(drawing.content))
    assert "The period had not ended by then: more may come." in text
    assert "Thu 12 Mar" in text
    assert "Fri 13 Mar" not in text
    assert drawing.rows == 12


def _fonts_of(content: bytes) -> set[str]:
    document = pypdfium2.PdfDocument(content)
    names = set()
    for page in document:
        for part in page.get_objects(filter=[pdfium.FPDF_PAGEOBJ_TEXT]):
            font = pdfium.FPDFTextObj_GetFont(part.raw)
            size = pdfium.FPDFFont_GetBaseFontName(font, None, 0)
            buffer = ctypes.create_string_buffer(size)
            pdfium.FPDFFont_GetBaseFontName(font, buffer, size)
            names.add(buffer.value.decode())
    document.close()
    return names
