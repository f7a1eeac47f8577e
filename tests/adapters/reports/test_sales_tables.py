"""The sales summary as a workbook and as a flat table."""

from __future__ import annotations

from datetime import UTC, datetime

from domain.report_generation import ReportName
from tests.adapters.reports.shop import Drawn, Shop, book_of, report_of, table_of

SALES = ReportName.sales_summary
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


async def test_the_table_has_a_row_for_each_day_and_currency(shop: Shop, drawn: Drawn) -> None:
    order = await shop.order(NOON, [("Tea", 3, 411)], paid_at=NOON)
    await shop.pay(order, "partially-refunded", amount=1233, refunded=5)
    await shop.order(NOON, [("Tea", 1, 2**62)], method="online")
    await shop.order(NOON, [("Tea", 1, 5)], currency="KWD")
    await shop.order(NOON, [("Tea", 1, 7)], currency="JPY")
    drawing = await drawn.of(report_of(SALES, "csv"))
    assert drawing.content.startswith(
        b"date,currency,orders,revenue,paid,awaited,refunded,net\r\n2026-03-01,EUR,0,0.00,"
    )
    assert drawing.content.endswith(b"\r\n")
    assert drawing.content.count(b"\n") == drawing.content.count(b"\r\n")
    rows = table_of(drawing.content)
    assert len(rows) == drawing.rows == 3 * 31
    assert [" ".join(row.values()) for row in rows if row["orders"] != "0"] == [
        "2026-03-10 EUR 2 46116860184273891.37 12.33 46116860184273879.04 0.05 46116860184273891.32",
        "2026-03-10 JPY 1 7 0 0 0 7",
        "2026-03-10 KWD 1 0.005 0.000 0.000 0.000 0.005",
    ]


async def test_the_workbook_has_numbers_dates_and_no_formulas(shop: Shop, drawn: Drawn) -> None:
    names = ["=1+1", "<r>rich</r>", "https://example.com", "{=A1}", "Tea\x01", "007"]
    await shop.order(NOON, [(name, 2, 900 - number) for number, name in enumerate(names)])
    await shop.order(NOON, [("Tea", 1, 5)], currency="KWD")
    await shop.order(NOON, [("Tea", 1, 10**16)], currency="JPY")
    book = book_of((await drawn.of(report_of(SALES, "xlsx"))).content)
    assert book.sheetnames == ["Totals", "By day", "Top products"]

    totals, days, products = book.worksheets
    assert [totals["A1"].value, totals["A2"].value] == ["Sales summary", "March 2026"]
    header = next(row for row in totals.iter_rows() if row[0].value == "Currency")[0].row
    assert totals.freeze_panes == f"A{header + 1}"
    assert [cell.value for cell in totals[header]][1:] == [
        "Orders", "Revenue", "Of it paid", "Of it awaited", "Refunded", "Net",
    ]  # fmt: skip
    assert len(totals._charts) == 3  # openpyxl has no other name for them

    assert days.freeze_panes == "A2"
    assert days.auto_filter.ref == "A1:H94"
    assert days["A2"].value == datetime(2026, 3, 1)  # noqa: DTZ001  # spreadsheets know no zones
    assert days["A2"].is_date
    on_the_day = {row[1].value: row[3] for row in days.iter_rows(min_row=2) if row[2].value}
    assert {currency: cell.value for currency, cell in on_the_day.items()} == {
        "EUR": 107.7,
        "KWD": 0.005,
        # More digits than a spreadsheet keeps.
        "JPY": "10,000,000,000,000,000",
    }
    assert on_the_day["EUR"].number_format == "#,##0.00"
    assert on_the_day["KWD"].number_format == "#,##0.000"

    told = {row[2].value: row for row in products.iter_rows(min_row=2)}
    assert set(names) - set(told) == {"Tea\x01"}, "what XML cannot hold is written as Excel does"
    for row in told.values():
        assert {cell.data_type for cell in row} <= {"s", "n"}
        assert row[2].hyperlink is None
    assert told["=1+1"][4].value == 18


async def test_a_period_without_orders_has_its_titles_and_no_rows(drawn: Drawn) -> None:
    empty = await drawn.of(report_of(SALES, "csv"))
    assert empty.content == b"date,currency,orders,revenue,paid,awaited,refunded,net\r\n"
    assert empty.rows == 0
    book = book_of((await drawn.of(report_of(SALES, "xlsx"))).content)
    texts = [row[0].value for row in book["Totals"].iter_rows()]
    assert "No orders in this period" in texts
    assert book["By day"].max_row == book["Top products"].max_row == 1
