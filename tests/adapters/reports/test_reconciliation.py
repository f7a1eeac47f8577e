"""What payments and orders disagree on: that each kind is found, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from adapters.reports.payments_reconciliation.kinds import KINDS
from adapters.reports.payments_reconciliation.report import MOST_OF_A_KIND
from domain.report_generation import ReportName
from tests.adapters.reports.shop import Drawn, Shop, book_of, pages_of, report_of, table_of

RECONCILIATION = ReportName.payments_reconciliation
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


async def _agreeing(shop: Shop) -> None:
    await shop.order(NOON)
    await shop.order(NOON, total=0, method="online")
    paid = await shop.order(NOON, paid_at=NOON, method="online")
    await shop.pay(paid)
    await shop.pay(paid, "declined", amount=1)
    await shop.pay(paid, "cancelled", currency="CHF")
    # Of other periods, or too late.
    for at in (datetime(2026, 2, 28, 22, 59, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC)):
        await shop.order(at, method="online")


async def _of_each_kind(shop: Shop) -> dict[str, set[tuple[int, str]]]:
    """Make one of each kind; returns the orders and payments that are to be found, by kind."""
    found: dict[str, set[tuple[int, str]]] = {}

    async def paid() -> int:
        return await shop.order(NOON, paid_at=NOON, method="online")

    unpaid = await shop.order(NOON, method="online")
    given_up = await shop.order(NOON, method="online")
    declined = await shop.pay(given_up, "declined")
    found["unpaid"] = {(unpaid, ""), (given_up, declined)}
    order = await shop.order(NOON, method="online")
    found["money-not-noted"] = {(order, await shop.pay(order))}
    order, other = await paid(), await paid()
    cancelled = await shop.pay(other, "cancelled")
    found["paid-without-money"] = {(order, ""), (other, cancelled)}
    order = await paid()
    twice = {(order, await shop.pay(order)), (order, await shop.pay(order, name="pay_again"))}
    found["paid-twice"] = twice
    order = await paid()
    found["currency-differs"] = {(order, await shop.pay(order, currency="CHF"))}
    order = await paid()
    found["amount-differs"] = {(order, await shop.pay(order, amount=999))}
    found["refund-unclear"] = set()
    found["refunded"] = set()
    for state, refunded in (("captured", 1), ("partially-refunded", 0), ("partially-refunded", 1000), ("refunded", 1)):
        order = await paid()
        payment = await shop.pay(order, state, refunded=refunded)
        found["refund-unclear"].add((order, payment))
        if state == "partially-refunded":
            found.setdefault("partly-refunded", set()).add((order, payment))
        if state == "refunded":
            found["refunded"].add((order, payment))
    order = await paid()
    found["disputed"] = {(order, await shop.pay(order, "disputed", refunded=7))}
    order = await paid()
    found["refunded"].add((order, await shop.pay(order, "refunded", refunded=1000)))
    order = await paid()
    found["partly-refunded"].add((order, await shop.pay(order, "partially-refunded", refunded=1)))
    return found


async def test_each_kind_is_found_in_all_formats(shop: Shop, drawn: Drawn) -> None:
    await _agreeing(shop)
    expected = await _of_each_kind(shop)
    assert set(expected) == {kind.name for kind in KINDS}
    count = sum(map(len, expected.values()))

    flat = await drawn.of(report_of(RECONCILIATION, "csv", zone="Europe/Zurich"))
    assert flat.content.startswith(b"kind,order_id,placed_at,")
    rows = table_of(flat.content)
    assert {
        kind: {(int(row["order_id"]), row["payment_id"]) for row in rows if row["kind"] == kind} for kind in expected
    } == expected
    assert flat.rows == len(rows) == count
    assert list(dict.fromkeys(row["kind"] for row in rows)) == [kind.name for kind in KINDS]
    (disputed,) = (row for row in rows if row["kind"] == "disputed")
    assert list(disputed.values())[2:] == [
        "2026-03-10T13:00:00+01:00", "online", "EUR", "10.00", "2026-03-10T13:00:00+01:00",
        disputed["payment_id"], "disputed", "EUR", "10.00", "0.07",
    ]  # fmt: skip

    workbook = await drawn.of(report_of(RECONCILIATION, "xlsx", zone="Europe/Zurich"))
    overview, sheet = book_of(workbook.content).worksheets
    assert workbook.rows == count == sheet.max_row - 1
    assert sheet.freeze_panes == "A2"
    told = {row[0].value: row[1].value for row in overview.iter_rows()}
    assert {kind: told[kind] for kind in expected} == {kind: len(those) for kind, those in expected.items()}
    (row,) = (row for row in sheet.iter_rows() if row[0].value == "disputed")
    assert row[1].number_format == "0"
    # What a clock in Zurich showed.
    assert row[2].value == datetime(2026, 3, 10, 13)  # noqa: DTZ001  # spreadsheets know no zones
    assert [cell.value for cell in row[4:6]] == ["EUR", 10]
    assert row[11].value == 0.07

    page = await drawn.of(report_of(RECONCILIATION, zone="Europe/Zurich"))
    text = "\n".join(pages_of(page.content))
    assert page.rows == count
    for kind in KINDS:
        assert f"{kind.title} ({len(expected[kind.name])})" in text
    assert f"2026-03-10 13:00 EUR 10.00 2026-03-10 13:00 {disputed['payment_id']} disputed EUR 10.00 EUR 0.07" in text


@pytest.mark.parametrize("form", ["pdf", "xlsx", "csv"])
async def test_where_all_is_well_it_says_so(shop: Shop, drawn: Drawn, form: str) -> None:
    await _agreeing(shop)
    drawing = await drawn.of(report_of(RECONCILIATION, form))
    assert drawing.rows == 0
    if form == "pdf":
        (page,) = pages_of(drawing.content)
        assert "Payments and orders agree" in page
        assert "3 orders were placed in the period" in page
    elif form == "xlsx":
        overview, sheet = book_of(drawing.content).worksheets
        assert "Payments and orders agree." in [row[0].value for row in overview.iter_rows()]
        assert sheet.max_row == 1
    else:
        assert drawing.content.count(b"\r\n") == 1


async def test_only_orders_placed_by_then_count_and_their_payments_as_they_stand(shop: Shop, drawn: Drawn) -> None:
    moment = timedelta(seconds=1)
    # Paid while the report waited for its turn: no disagreement.
    order = await shop.order(NOON, paid_at=NOON + moment, method="online")
    await shop.pay(order)
    await shop.order(NOON + moment, method="online")
    assert (await drawn.of(report_of(RECONCILIATION, "csv", as_of=NOON))).rows == 0


async def test_a_page_has_room_for_some_of_a_kind_and_tells_how_many_there_are(shop: Shop, drawn: Drawn) -> None:
    await shop.spread(4000)
    await shop.connection.execute("UPDATE orders SET paid_at = NULL WHERE paid_at IS NOT NULL")
    missed = await shop.connection.fetchval("SELECT count(*) FROM payments")
    drawing = await drawn.of(report_of(RECONCILIATION))
    pages = pages_of(drawing.content)
    text = "\n".join(pages)
    assert f"Money came, but the order is not marked as paid ({missed:,})" in text
    assert f"And {missed - MOST_OF_A_KIND:,} more: all of them are in this report's CSV and XLSX." in text
    # Titles are on each page that such a table goes on on.
    assert text.count("Order Placed Total Marked as paid Payment State Amount Refunded") >= len(pages) - 1
    assert f"Page {len(pages)} of {len(pages)}" in pages[-1]
    flat = await drawn.of(report_of(RECONCILIATION, "csv"))
    assert flat.rows == drawing.rows == len(table_of(flat.content)) > missed


async def test_a_payments_id_is_no_formula_and_no_markup(shop: Shop, drawn: Drawn) -> None:
    name = '=cmd|"/C calc" #panic() *x*'
    await shop.pay(await shop.order(NOON), name=name)
    assert table_of((await drawn.of(report_of(RECONCILIATION, "csv"))).content)[0]["payment_id"] == f"'{name}"
    sheet = book_of((await drawn.of(report_of(RECONCILIATION, "xlsx"))).content)["Disagreements"]
    assert (sheet["H2"].value, sheet["H2"].data_type) == (name, "s")
    assert name in "\n".join(await drawn.pages(report_of(RECONCILIATION)))
