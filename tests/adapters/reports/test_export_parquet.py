from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pyarrow as pa
from pyarrow import parquet

from adapters.reports.maker import FileMaker
from adapters.reports.storage import ReportStorage
from tests.adapters.reports.conftest import MakerOf, get
from tests.adapters.reports.shop import Shop, export_of, make, table_of

NOON = datetime(2026, 3, 10, 12, 0, 0, 123456, UTC)
LATER = datetime(2031, 1, 1, tzinfo=UTC)

MONEY = pa.decimal128(38, 4)
TIME = pa.timestamp("us", "Europe/Zurich")
SCHEMA = pa.schema(
    [
        pa.field("order_id", pa.int64(), nullable=False),
        pa.field("placed_at", TIME, nullable=False),
        pa.field("customer_id", pa.int64(), nullable=False),
        pa.field("customer_name", pa.string(), nullable=False),
        pa.field("currency", pa.string(), nullable=False),
        pa.field("order_total", MONEY, nullable=False),
        pa.field("payment_method", pa.string(), nullable=False),
        pa.field("paid_at", TIME),
        pa.field("payment_state", pa.string()),
        pa.field("order_refunded", MONEY),
        pa.field("position", pa.int64(), nullable=False),
        pa.field("product", pa.string(), nullable=False),
        pa.field("quantity", pa.int64(), nullable=False),
        pa.field("unit_price", MONEY, nullable=False),
        pa.field("line_total", MONEY, nullable=False),
    ]
)


async def _table(maker: FileMaker, folder: ReportStorage) -> pa.Table:
    file, _ = await make(maker, export_of("parquet", zone="Europe/Zurich"))
    table = parquet.read_table(pa.BufferReader(await get(folder, file.key)))
    assert table.num_rows == file.rows
    return table


async def test_values_keep_their_types_and_every_digit(maker: FileMaker, folder: ReportStorage, shop: Shop) -> None:
    largest = 2**63 - 1
    # Texts stay what they are: no program runs what stands in a Parquet file.
    await shop.order(NOON, [('=1, "a"\r\nb', 2, 2**61)], currency="CLF", customer="NULL", paid_at=NOON)
    await shop.order(NOON, [("\N{TEAPOT}", 1, largest)], currency="JPY", customer="\\N")
    await shop.pay(2, currency="JPY", refunded=5, at=LATER)
    await shop.connection.execute("UPDATE order_items SET quantity = 2147483647 WHERE order_id = 2")

    table = await _table(maker, folder)

    assert table.schema.equals(SCHEMA, check_metadata=False)
    first, second = table.to_pylist()
    assert first["placed_at"] == first["paid_at"] == NOON
    assert first["placed_at"].isoformat() == "2026-03-10T13:00:00.123456+01:00"
    assert (first["product"], first["customer_name"]) == ('=1, "a"\r\nb', "NULL")
    assert first["line_total"].as_tuple().digits == tuple(map(int, str(2**62)))
    assert first["unit_price"] == Decimal("230584300921369.3952")
    assert (first["payment_state"], first["order_refunded"]) == (None, Decimal(0))
    assert (second["product"], second["customer_name"], second["paid_at"]) == ("\N{TEAPOT}", "\\N", None)
    # Applied after the report's `as_of`.
    assert (second["payment_state"], second["order_refunded"]) == (None, None)
    assert second["line_total"] == Decimal(largest * 2147483647)


async def test_it_holds_the_same_rows_as_the_export_as_csv(
    maker_of: MakerOf, folder: ReportStorage, shop: Shop
) -> None:
    await shop.many(900)
    maker = maker_of(orders_each=250)
    report = export_of("parquet", zone="Europe/Zurich")

    file, slices = await make(maker, report)
    as_csv, _ = await make(maker, export_of("csv", zone="Europe/Zurich"))
    again = await maker.publish(report, len(slices), lambda _: None)

    assert again == file
    assert len(slices) == 4
    written = parquet.ParquetFile(pa.BufferReader(await get(folder, file.key)))
    # Parts become row groups of a size that readers can use, not one each.
    assert written.metadata.num_row_groups == 1
    rows = written.read().to_pylist()
    told = table_of(await get(folder, as_csv.key))
    assert len(rows) == len(told) == file.rows == 2700
    for row, line in zip(rows, told, strict=True):
        assert {name: str(value) for name, value in row.items() if isinstance(value, int | str)} == {
            name: line[name] for name, value in row.items() if isinstance(value, int | str)
        }
        assert {name: value for name, value in row.items() if isinstance(value, Decimal)} == {
            name: Decimal(line[name]) for name, value in row.items() if isinstance(value, Decimal)
        }
        assert row["placed_at"] == datetime.fromisoformat(line["placed_at"])
        assert (row["paid_at"] and row["paid_at"].isoformat()) == (
            datetime.fromisoformat(line["paid_at"]).isoformat() if line["paid_at"] else None
        )
