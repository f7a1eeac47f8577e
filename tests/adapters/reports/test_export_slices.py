from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from adapters.reports.database import Reader
from adapters.reports.maker import FileMaker
from adapters.reports.orders_export import slices
from adapters.reports.storage import ReportStorage
from domain.errors import InvalidRequest
from domain.periods import Period
from tests.adapters.reports.conftest import get
from tests.adapters.reports.shop import Shop, export_of, make, table_of

INSTANT = timedelta(microseconds=1)
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


async def _orders_of(shop: Shop, since: datetime, until: datetime) -> int:
    found = "SELECT count(*) FROM orders WHERE placed_at >= $1 AND placed_at < $2"
    return int(await shop.connection.fetchval(found, since, until))


async def test_slices_have_the_same_number_of_orders_and_follow_each_other(reader: Reader, shop: Shop) -> None:
    # Most of them in a few hours: hours would be no good slices.
    await shop.many(950, since=NOON, every=timedelta(seconds=1))
    report = export_of()

    made = await slices.plan(reader, report, orders_each=100)

    assert [await _orders_of(shop, piece.since, piece.until) for piece in made] == [100] * 9 + [50]
    assert [piece.rows for piece in made] == [300] * 9 + [150]
    since, until = report.request.span.bounds("UTC")
    assert [since, *(piece.until for piece in made)] == [*(piece.since for piece in made), until]


async def test_there_are_no_more_slices_than_a_job_can_tell_of(reader: Reader, shop: Shop) -> None:
    await shop.many(1000)

    made = await slices.plan(reader, export_of(), orders_each=1)

    assert len(made) == 63  # of 16 orders
    assert sum(piece.rows for piece in made) == 3000


async def test_orders_of_one_instant_stay_together(reader: Reader, shop: Shop) -> None:
    await shop.many(100, since=NOON, every=timedelta())
    alone = await slices.plan(reader, export_of(), orders_each=10)
    await shop.connection.execute("UPDATE orders SET placed_at = placed_at + interval '1 hour' WHERE id > 95")
    followed = await slices.plan(reader, export_of(), orders_each=10)

    assert [piece.rows for piece in alone] == [300]
    assert [await _orders_of(shop, piece.since, piece.until) for piece in followed] == [100]


async def test_what_was_placed_after_as_of_is_in_no_slice(reader: Reader, shop: Shop) -> None:
    await shop.order(NOON)
    await shop.order(NOON + INSTANT)

    (made,) = await slices.plan(reader, export_of(as_of=NOON))
    (before_its_period,) = await slices.plan(reader, export_of(as_of=datetime(2026, 2, 1, tzinfo=UTC)))

    assert (made.until, made.rows) == (NOON + INSTANT, 1)
    assert before_its_period.since == before_its_period.until


@pytest.mark.parametrize("zone", ["Europe/Zurich", "America/Santiago"])
async def test_every_order_is_in_the_export_of_exactly_one_day(
    zone: str, maker: FileMaker, folder: ReportStorage, shop: Shop
) -> None:
    # Clocks change within the 5th of April in Santiago, and within the 29th of March in Zurich.
    days = Period.parse("2026-03-28..2026-04-06")
    for start in days.day_starts(zone):
        for at in (start - INSTANT, start, start + timedelta(hours=2)):
            await shop.order(at)

    exported: list[str] = []
    for day in days.days():
        file, _ = await make(maker, export_of(period=day.isoformat(), zone=zone))
        rows = table_of(await get(folder, file.key))
        exported += [row["order_id"] for row in rows]
        assert {row["placed_at"][:10] for row in rows} == {day.isoformat()}

    first, last = 1, 3 * 11
    assert exported == [str(order) for order in range(first + 1, last - 1)]


@pytest.mark.long
async def test_a_workbook_is_refused_where_a_sheet_cannot_hold_all_rows(reader: Reader, shop: Shop) -> None:
    order = await shop.order(NOON)
    await shop.connection.execute("SET session_replication_role = replica")  # checks of each row would take long
    await shop.connection.execute(
        "INSERT INTO order_items SELECT $1, n, 'x', 1, 1 FROM generate_series(2, 1048575) AS n", order
    )
    await shop.connection.execute("ANALYZE")
    (held,) = await slices.plan(reader, export_of("xlsx"))
    await shop.connection.execute("INSERT INTO order_items VALUES ($1, 1048576, 'x', 1, 1)", order)

    with pytest.raises(InvalidRequest, match=r"1,048,575 rows .* ask for csv or parquet"):
        await slices.plan(reader, export_of("xlsx"))

    assert held.rows == slices.XLSX_ROWS
    assert [piece.rows for piece in await slices.plan(reader, export_of("csv"))] == [slices.XLSX_ROWS + 1]
