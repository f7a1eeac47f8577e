from __future__ import annotations

import io
import resource
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import openpyxl
import pytest
from openpyxl.worksheet.worksheet import Worksheet

from adapters.reports.maker import FileMaker
from adapters.reports.orders_export.export import join_workbook
from adapters.reports.orders_export.slices import XLSX_ROWS
from adapters.reports.parts import Frame
from adapters.reports.storage import ReportStorage, file_key
from adapters.reports.threads import Threads
from domain.errors import Gone, InvalidRequest, ServiceUnavailable
from tests.adapters.reports.conftest import MakerOf, get
from tests.adapters.reports.shop import LATER, Shop, export_of, make, nothing

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)

TEXTS = [
    "=1+1",
    "https://example.com",
    "0012",
    "<r>bold</r>",
    "<r><t>x</t></r>",
    "a & b < c",
    "\N{TEAPOT} אבג \U00020000",
    "a\nb",
    "_x0041_",
    "bell\x07",
]


def _sheet(file: bytes) -> Worksheet:
    book = openpyxl.load_workbook(io.BytesIO(file))
    (sheet,) = book.worksheets
    return sheet


def _rows(file: bytes) -> list[dict[str, object]]:
    headings, *rows = _sheet(file).iter_rows(values_only=True)
    return [dict(zip(map(str, headings), row, strict=True)) for row in rows]


def _left_in(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def test_cells_have_types_and_formats_and_headings_stay_in_sight(
    maker: FileMaker, folder: ReportStorage, shop: Shop, temporary: Path
) -> None:
    await shop.order(NOON, [("Teapot", 2, 1250)], paid_at=NOON)
    await shop.pay(1, "partially-refunded", refunded=50, at=NOON)
    await shop.order(NOON, [("Teapot", 1, 1250)], currency="JPY")

    file, _ = await make(maker, export_of("xlsx", zone="Europe/Zurich"))

    sheet = _sheet(await get(folder, file.key))
    assert (sheet.title, sheet.freeze_panes, sheet.auto_filter.ref) == ("Order lines", "A2", "A1:O3")
    cells = {str(heading.value): cell for heading, cell in zip(sheet[1], sheet[2], strict=True)}
    assert {name: cell.value for name, cell in cells.items()} == {
        "order_id": 1,
        "placed_at (Europe/Zurich)": datetime(2026, 3, 10, 13),  # noqa: DTZ001  # Excel knows no time zones
        "customer_id": 1,
        "customer_name": "Ada",
        "currency": "EUR",
        "order_total": 25,
        "payment_method": "later",
        "paid_at (Europe/Zurich)": datetime(2026, 3, 10, 13),  # noqa: DTZ001
        "payment_state": "partially-refunded",
        "order_refunded": 0.5,
        "position": 1,
        "product": "Teapot",
        "quantity": 2,
        "unit_price": 12.5,
        "line_total": 25,
    }
    assert cells["unit_price"].number_format == "#,##0.00"
    assert cells["placed_at (Europe/Zurich)"].number_format == "yyyy-mm-dd hh:mm:ss"
    assert [cell.number_format for cell in sheet[3]][5] == "#,##0"
    assert _left_in(temporary) == []


async def test_texts_are_texts_whatever_they_look_like(maker: FileMaker, folder: ReportStorage, shop: Shop) -> None:
    for text in TEXTS:
        await shop.order(NOON, [(text, 1, 1)], customer=text)

    file, _ = await make(maker, export_of("xlsx"))

    sheet = _sheet(await get(folder, file.key))
    products = [row[11] for row in sheet.iter_rows(min_row=2)]
    # openpyxl reads a formula as one, and leaves control characters as Excel writes them.
    assert {cell.data_type for cell in products} == {"s"}
    assert [cell.hyperlink for cell in products] == [None] * len(TEXTS)
    assert [cell.value for cell in products] == [*TEXTS[:-2], "_x005F_x0041_", "bell_x0007_"]


async def test_amounts_that_a_number_cannot_hold_are_exact_texts(
    maker: FileMaker, folder: ReportStorage, shop: Shop
) -> None:
    await shop.order(NOON, [("x", 1, 10**15 - 1)])
    await shop.order(NOON, [("x", 1, 10**15)])
    await shop.order(NOON, [("x", 1, 2**63 - 1)], currency="KWD")
    await shop.connection.execute("UPDATE order_items SET quantity = 2147483647 WHERE order_id = 3")

    file, _ = await make(maker, export_of("xlsx"))

    rows = _rows(await get(folder, file.key))
    assert [row["order_total"] for row in rows] == [9999999999999.99, "10000000000000.00", "9223372036854775.807"]
    assert rows[2]["line_total"] == "19807040619342712359383728.129"


async def test_parts_are_joined_in_order_and_to_the_same_bytes_again(
    maker_of: MakerOf, folder: ReportStorage, shop: Shop
) -> None:
    await shop.many(400)
    maker, report = maker_of(orders_each=150), export_of("xlsx")

    file, slices = await make(maker, report)
    again = await maker.publish(report, len(slices), nothing)

    assert (again, len(slices), file.rows) == (file, 3, 1200)
    written = await get(folder, file.key)
    # Otherwise a workbook tells when it was made.
    assert openpyxl.load_workbook(io.BytesIO(written)).properties.created == LATER.replace(tzinfo=None)
    rows = _rows(written)
    assert [(row["order_id"], row["position"]) for row in rows] == [
        (order, position) for order in range(1, 401) for position in (1, 2, 3)
    ]


async def test_a_full_disk_is_told_and_leaves_nothing(
    maker: FileMaker, folder: ReportStorage, shop: Shop, temporary: Path
) -> None:
    await shop.many(400)
    report = export_of("xlsx")
    slices = await maker.plan(report)
    for part, piece in enumerate(slices):
        await maker.write_part(report, part, piece, nothing)

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(ServiceUnavailable, match=r"no space .* TMPDIR"):
            await maker.publish(report, len(slices), nothing)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    assert _left_in(temporary) == []
    with pytest.raises(Gone):
        await get(folder, file_key(report))


async def test_rows_that_came_since_the_plan_are_not_left_out_silently(temporary: Path) -> None:
    async def frames() -> AsyncIterator[Frame]:
        yield Frame(XLSX_ROWS + 1, b"")

    class Nowhere:
        async def write(self, piece: bytes | memoryview) -> None:
            raise AssertionError(f"{len(piece)} bytes are written")

    threads = Threads(1)
    report = export_of("xlsx")
    try:
        with pytest.raises(InvalidRequest, match="ask for csv or parquet"):
            await join_workbook(threads, temporary, report, frames(), Nowhere())
    finally:
        threads.close()

    assert _left_in(temporary) == []
