"""A shop's orders for the tests of the export, and reports about them."""

from __future__ import annotations

import csv
import io
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import asyncpg

from adapters.reports.maker import FileMaker
from adapters.reports.objects import ReportStorage
from domain.report_generation import ReportFormat, ReportGenerationRequest, ReportName
from domain.reports import Report, ReportFile, ReportState, Slice

LATER = datetime(2030, 1, 1, tzinfo=UTC)

Line = tuple[str, int, int]
"""Product, quantity, unit price."""


def nothing(_: int) -> None:
    """Where nobody wants to be told."""


def report_of(
    form: str = "csv",
    period: str = "2026-03",
    *,
    zone: str = "UTC",
    as_of: datetime = LATER,
    name: ReportName = ReportName.orders_export,
) -> Report:
    request = ReportGenerationRequest(report=name, period=period, format=ReportFormat(form), time_zone=zone)
    return Report(id=uuid.uuid4(), request=request, state=ReportState.requested, as_of=as_of, asked_at=as_of)


class Shop:
    """Orders in the database."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self.connection = connection
        self._id = 0

    async def order(
        self,
        at: datetime,
        lines: Sequence[Line] = (("Teapot", 1, 1000),),
        *,
        currency: str = "EUR",
        customer: str = "Ada",
        paid_at: datetime | None = None,
        payments: Sequence[tuple[str, int, datetime]] = (),
    ) -> int:
        """Place one; `payments` are states, refunded amounts, and when they were applied. Returns its number."""
        self._id += 1
        total = sum(quantity * price for _, quantity, price in lines)
        run = self.connection.execute
        await run(
            "INSERT INTO customers (id, name, email, locale) VALUES ($1, $2, 'ada@example.com', 'de_CH')",
            self._id,
            customer,
        )
        await run(
            "INSERT INTO orders (id, customer_id, currency, total, placed_at, paid_at) VALUES ($1, $1, $2, $3, $4, $5)",
            self._id,
            currency,
            total,
            at,
            paid_at,
        )
        await self.connection.executemany(
            "INSERT INTO order_items (order_id, position, name, quantity, unit_price) VALUES ($1, $2, $3, $4, $5)",
            [(self._id, position, *line) for position, line in enumerate(lines, start=1)],
        )
        await self.connection.executemany(
            "INSERT INTO payments (id, order_id, state, amount, currency, refunded, version, applied_at)"
            " VALUES ($1, $2, $3, $4, $5, $6, 1, $7)",
            [
                (f"pay_{self._id}_{number}", self._id, state, total, currency, refunded, applied)
                for number, (state, refunded, applied) in enumerate(payments)
            ],
        )
        return self._id

    async def many(
        self,
        orders: int,
        *,
        since: datetime = datetime(2026, 3, 1, tzinfo=UTC),
        every: timedelta = timedelta(seconds=7),
    ) -> None:
        """Place orders of three lines each, in four currencies; some of them paid and some refunded."""
        await self.connection.execute("SET session_replication_role = replica")  # the check of each row takes long
        await self.connection.execute(
            """
            INSERT INTO customers (id, name, email, locale) VALUES (1, 'Ada', 'ada@example.com', 'en')
            ON CONFLICT DO NOTHING
            """
        )
        await self.connection.execute(
            """
            INSERT INTO orders (id, customer_id, currency, total, placed_at, paid_at)
            SELECT n, 1, (ARRAY['EUR', 'JPY', 'KWD', 'CLF'])[1 + n % 4], 6 * (n % 1000),
                $2::timestamptz + n * $3::interval, CASE WHEN n % 2 = 0 THEN $2 + n * $3 + interval '1 minute' END
            FROM generate_series(1, $1::bigint) AS n
            """,
            orders,
            since,
            every,
        )
        await self.connection.execute(
            """
            INSERT INTO order_items (order_id, position, name, quantity, unit_price)
            SELECT n, position, 'Product ' || n % 97, position, n % 1000
            FROM generate_series(1, $1::bigint) AS n, generate_series(1, 3) AS position
            """,
            orders,
        )
        await self.connection.execute(
            """
            INSERT INTO payments (id, order_id, state, amount, currency, refunded, version, applied_at)
            SELECT 'pay_' || id, id, 'captured', total, currency, CASE WHEN id % 10 = 0 THEN total / 2 ELSE 0 END,
                1, paid_at
            FROM orders WHERE paid_at IS NOT NULL
            """
        )
        await self.connection.execute("ANALYZE")


async def make(
    maker: FileMaker, report: Report, told: Callable[[int], None] = nothing
) -> tuple[ReportFile, Sequence[Slice]]:
    """Make a report's file as its job does; returns the slices, too."""
    slices = await maker.plan(report)
    for part, piece in enumerate(slices):
        await maker.write_part(report, part, piece, told)
    return await maker.publish(report, len(slices), told), slices


async def content(storage: ReportStorage, key: str) -> bytes:
    async with storage.reading(key) as pieces:
        return b"".join([piece async for piece in pieces])


def read_csv(file: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(file.decode("utf-8"), newline="")))
