from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from adapters.email.formatting import decimal_places
from adapters.reports.cells import safe_text
from adapters.reports.maker import FileMaker
from adapters.reports.storage import ReportStorage
from tests.adapters.reports.conftest import MakerOf, get
from tests.adapters.reports.shop import Shop, export_of, make, table_of

MARCH = datetime(2026, 3, 1, tzinfo=UTC)
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)

HEADINGS = (
    b"order_id,placed_at,customer_id,customer_name,currency,order_total,payment_method,paid_at,payment_state,"
    b"order_refunded,position,product,quantity,unit_price,line_total\r\n"
)

TEXTS = [
    'Teapot "Ada", blue',
    "two\nlines",
    "two\r\nlines",
    "a\rb",
    "\N{TEAPOT}\N{VARIATION SELECTOR-16} \N{FACE WITH TEARS OF JOY}",
    "אבג \N{RIGHT-TO-LEFT MARK}1",
    "周\U00020000",
    "'",
    '"',
    '""',
    ",",
    r"\.",
    r"\N",
    "NULL",
    " padded ",
    "\x01\x1e\x7f",
    "tab\tin it",
]
FORMULAS = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "\N{FULLWIDTH EQUALS SIGN}1",
    "\N{FULLWIDTH COMMERCIAL AT}A",
    "  =1",
    "\N{NO-BREAK SPACE}=1",
    '=HYPERLINK("http://example.com","x")',
]


async def test_an_empty_period_gives_a_file_with_headings_alone(maker: FileMaker, folder: ReportStorage) -> None:
    file, slices = await make(maker, export_of())

    written = await get(folder, file.key)
    assert written == HEADINGS
    assert (file.rows, file.bytes, file.sha256) == (0, len(HEADINGS), hashlib.sha256(HEADINGS).hexdigest())
    assert [piece.rows for piece in slices] == [0]


async def test_every_text_is_read_back_as_it_was_unless_a_spreadsheet_would_run_it(
    maker: FileMaker, folder: ReportStorage, shop: Shop
) -> None:
    for text in TEXTS + FORMULAS:
        await shop.order(NOON, [(text, 1, 1)], customer=text)

    file, _ = await make(maker, export_of())

    written = await get(folder, file.key)
    # Rows end as RFC 4180 has it, and texts keep their own line ends.
    assert b'EUR,0.01,later,,,0.00,1,"two\nlines",1,0.01,0.01\r\n' in written
    rows = table_of(written)
    expected = TEXTS + [f"'{text}" for text in FORMULAS]
    assert [row["product"] for row in rows] == expected
    assert [row["customer_name"] for row in rows] == expected
    # The other reports' rule, too.
    assert expected == [safe_text(text) for text in TEXTS + FORMULAS]
    assert file.rows == len(expected)


async def test_amounts_are_exact_and_have_their_currencys_decimal_places(
    maker: FileMaker, folder: ReportStorage, shop: Shop
) -> None:
    largest = 2**63 - 1
    for currency in ("JPY", "EUR", "RSD", "KWD", "CLF"):
        await shop.order(NOON, [("x", 1, 7)], currency=currency)
    await shop.order(NOON, [("x", 1, largest)], currency="KWD")
    await shop.connection.execute("UPDATE order_items SET quantity = 2147483647 WHERE order_id = 6")

    file, _ = await make(maker, export_of())

    rows = table_of(await get(folder, file.key))
    assert [row["unit_price"] for row in rows[:5]] == ["7", "0.07", "0.07", "0.007", "0.0007"]
    assert rows[5]["order_total"] == "9223372036854775.807"
    assert rows[5]["line_total"].replace(".", "") == str(largest * 2147483647)


async def test_times_are_those_of_the_reports_time_zone_with_their_offset(
    maker: FileMaker, folder: ReportStorage, shop: Shop
) -> None:
    # Clocks go forward in Zurich at 01:00 UTC, and in Newfoundland they are half an hour off.
    for at in (datetime(2026, 3, 29, 0, 59, 59, 999999, UTC), datetime(2026, 3, 29, 1, tzinfo=UTC)):
        await shop.order(at)

    zurich, _ = await make(maker, export_of(zone="Europe/Zurich"))
    newfoundland, _ = await make(maker, export_of(zone="America/St_Johns"))

    assert [row["placed_at"] for row in table_of(await get(folder, zurich.key))] == [
        "2026-03-29T01:59:59.999999+01:00",
        "2026-03-29T03:00:00.000000+02:00",
    ]
    rows = table_of(await get(folder, newfoundland.key))
    assert rows[0]["placed_at"] == "2026-03-28T22:29:59.999999-02:30"


async def test_what_came_to_pass_after_as_of_does_not_count(
    maker: FileMaker, folder: ReportStorage, shop: Shop
) -> None:
    as_of, after = NOON, NOON + timedelta(microseconds=1)
    first = await shop.order(as_of, paid_at=as_of)
    await shop.pay(first, refunded=300, at=as_of)
    second = await shop.order(as_of, paid_at=after)
    await shop.pay(second, at=as_of)
    await shop.pay(second, "refunded", refunded=1000, at=after)
    third = await shop.order(as_of)
    await shop.pay(third, "declined", at=as_of - timedelta(1))
    await shop.pay(third, refunded=100, at=as_of)
    await shop.order(as_of)
    await shop.order(after)

    file, _ = await make(maker, export_of(as_of=as_of))

    rows = table_of(await get(folder, file.key))
    told = [(row["order_id"], row["paid_at"][:10], row["payment_state"], row["order_refunded"]) for row in rows]
    assert told == [
        ("1", "2026-03-10", "captured", "3.00"),
        # What it was at that instant, nobody knows any more.
        ("2", "", "", ""),
        ("3", "", "captured", "1.00"),
        ("4", "", "", "0.00"),
    ]


async def test_totals_are_those_of_the_database(maker_of: MakerOf, folder: ReportStorage, shop: Shop) -> None:
    await shop.many(1500, since=MARCH - timedelta(minutes=30))
    maker = maker_of(orders_each=400)
    told: list[int] = []

    file, slices = await make(maker, export_of(zone="UTC"), told.append)

    written = await get(folder, file.key)
    rows = table_of(written)
    expected = await shop.connection.fetch(
        "SELECT currency, count(*) AS lines, sum(quantity::numeric * unit_price) AS units, count(DISTINCT id) AS orders"
        " FROM orders JOIN order_items ON order_id = id"
        " WHERE date_trunc('month', placed_at, 'UTC') = '2026-03-01' GROUP BY currency"
    )
    assert {
        (row["currency"], row["lines"], row["units"].scaleb(-decimal_places(row["currency"])), row["orders"])
        for row in expected
    } == {
        (
            currency,
            sum(row["currency"] == currency for row in rows),
            sum(Decimal(row["line_total"]) for row in rows if row["currency"] == currency),
            len({row["order_id"] for row in rows if row["currency"] == currency}),
        )
        for currency in ("EUR", "JPY", "KWD", "CLF")
    }
    assert (file.rows, file.bytes, file.sha256) == (len(rows), len(written), hashlib.sha256(written).hexdigest())
    assert [(row["placed_at"], int(row["order_id"]), int(row["position"])) for row in rows] == sorted(
        (row["placed_at"], int(row["order_id"]), int(row["position"])) for row in rows
    )
    assert len(slices) == 4
    assert told[-1] == file.rows == sum(piece.rows for piece in slices)


async def test_mail_addresses_and_gift_notes_are_not_exported(
    maker: FileMaker, folder: ReportStorage, shop: Shop
) -> None:
    await shop.order(NOON)
    await shop.connection.execute("UPDATE orders SET gift_note = 'Happy birthday'")

    file, _ = await make(maker, export_of())

    written = await get(folder, file.key)
    assert b"ada@example.com" not in written
    assert b"Happy birthday" not in written
