"""What the sales summary counts, and on which day."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from adapters.reports.database import Reader
from adapters.reports.sales_summary.figures import TOP, Product, Sums, read_figures
from domain.report_generation import ReportName
from tests.adapters.reports.shop import Shop, report_of

SALES = ReportName.sales_summary
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


async def test_the_figures_are_those_of_an_independent_count(shop: Shop, reader: Reader) -> None:
    await shop.spread(2000)
    figures = await read_figures(reader, report_of(SALES))

    expected: dict[str, dict[date, Sums]] = defaultdict(lambda: defaultdict(Sums))
    sold: dict[str, dict[str, tuple[int, int]]] = defaultdict(lambda: defaultdict(lambda: (0, 0)))
    for order in await shop.connection.fetch("SELECT * FROM orders"):
        paid = order["total"] if order["paid_at"] else 0
        awaited = order["total"] if order["payment"] == "online" and not order["paid_at"] else 0
        sums = Sums(orders=1, revenue=order["total"], paid=paid, awaited=awaited)
        expected[order["currency"]][order["placed_at"].date()] += sums
    query = "SELECT placed_at, p.* FROM payments p JOIN orders o ON o.id = order_id WHERE refunded > 0"
    for payment in await shop.connection.fetch(query):
        sums = Sums(refunded=payment["refunded"])
        expected[payment["currency"]][payment["placed_at"].date()] += sums
    for line in await shop.connection.fetch("SELECT * FROM order_items JOIN orders o ON o.id = order_id"):
        pieces, revenue = sold[line["currency"]][line["name"]]
        more = line["quantity"] * line["unit_price"]
        sold[line["currency"]][line["name"]] = pieces + line["quantity"], revenue + more

    assert {each.currency: each.by_day for each in figures.currencies} == expected
    assert figures.currencies[0].currency == "EUR"
    assert figures.orders == 1999
    for each in figures.currencies:
        best = sorted(sold[each.currency].items(), key=lambda item: (-item[1][1], -item[1][0], item[0]))[:TOP]
        assert list(each.products) == [Product(name, *counted) for name, counted in best]
        assert each.total.net == each.total.revenue - each.total.refunded
        assert sum(each.by_month().values(), Sums()) == each.total


@pytest.mark.parametrize(
    ("zone", "period", "hours"),
    [
        ("UTC", "2026-03-29", 24),
        ("Europe/Zurich", "2026-03-29", 23),
        ("Pacific/Auckland", "2026-09-27", 23),
        ("Africa/Cairo", "2026-04-24", 23),  # clocks go forward at midnight
    ],
)
async def test_a_day_is_that_of_its_time_zone_however_long_it_is(
    shop: Shop, reader: Reader, zone: str, period: str, hours: int
) -> None:
    day = date.fromisoformat(period)
    first, end = report_of(SALES, period=period, zone=zone).request.span.bounds(zone)
    assert end - first == timedelta(hours=hours)
    instant = timedelta(microseconds=1)
    for at in (first - instant, first, end - instant, end):
        await shop.order(at)

    three = report_of(SALES, period=f"{day - timedelta(days=1)}..{day + timedelta(days=1)}", zone=zone)
    by_day = (await read_figures(reader, three)).currencies[0].by_day
    assert {each: sums.orders for each, sums in by_day.items()} == {
        day - timedelta(days=1): 1,
        day: 2,
        day + timedelta(days=1): 1,
    }
    only = (await read_figures(reader, report_of(SALES, period=period, zone=zone))).currencies[0]
    assert {each: sums.orders for each, sums in only.by_day.items()} == {day: 2}
    assert first.astimezone(ZoneInfo(zone)).date() == day


async def test_what_came_after_the_report_was_asked_for_does_not_count(shop: Shop, reader: Reader) -> None:
    moment = timedelta(seconds=1)
    await shop.order(NOON, paid_at=NOON, method="online")
    await shop.order(NOON, paid_at=NOON + moment, method="online")
    await shop.order(NOON, paid_at=NOON + moment)
    await shop.order(NOON + moment)
    figures = await read_figures(reader, report_of(SALES, as_of=NOON))
    assert figures.currencies[0].total == Sums(orders=3, revenue=3000, paid=1000, awaited=1000)
    assert [(each.quantity, each.revenue) for each in figures.currencies[0].products] == [(3, 3000)]


async def test_refunds_count_in_their_own_currency_on_the_day_of_the_order(shop: Shop, reader: Reader) -> None:
    order = await shop.order(NOON, paid_at=NOON)
    await shop.pay(order, "refunded", refunded=1000)
    await shop.pay(order, "partially-refunded", currency="CHF", refunded=7)
    figures = await read_figures(reader, report_of(SALES))
    assert {each.currency: dict(each.by_day) for each in figures.currencies} == {
        "EUR": {NOON.date(): Sums(orders=1, revenue=1000, paid=1000, refunded=1000)},
        "CHF": {NOON.date(): Sums(refunded=7)},
    }


async def test_sums_beyond_64_bits_are_exact(shop: Shop, reader: Reader) -> None:
    largest = 2**63 - 1
    for _ in range(3):
        await shop.order(NOON, [("Planet", 2**31 - 1, largest)], total=largest)
    (only,) = (await read_figures(reader, report_of(SALES))).currencies
    assert only.total.revenue == 3 * largest
    assert only.products == [Product("Planet", 3 * (2**31 - 1), 3 * (2**31 - 1) * largest)]


async def test_a_report_reads_one_snapshot_and_can_change_nothing(shop: Shop, reader: Reader) -> None:
    await shop.order(NOON)
    async with reader.snapshot() as snapshot:
        count = "SELECT count(*) AS orders FROM orders"
        before = await snapshot.rows(count)
        await shop.order(NOON)
        assert await snapshot.rows(count) == before
        with pytest.raises(Exception, match="takes no changes"):
            await snapshot.rows("DELETE FROM order_items")
    # Nothing is left behind: the connection is closed.
    sessions = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'durable-jobs-reports'"
    assert await _soon_nothing(shop.connection, sessions)


async def _soon_nothing(connection: asyncpg.Connection, query: str) -> bool:
    """PostgreSQL ends a session's process a moment after its connection is closed."""
    for _ in range(200):
        if await connection.fetchval(query + " AND datname = current_database()") == 0:
            return True
        await connection.execute("SELECT pg_sleep(0.02)")
    return False
