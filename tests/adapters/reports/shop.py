"""A shop's orders and payments for the tests of reports, the reports about them, and what their files hold."""

from __future__ import annotations

import csv
import io
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import asyncpg
import openpyxl
import pypdfium2
from openpyxl.workbook import Workbook

from adapters.reports.maker import FileMaker
from adapters.reports.parts import Drawing, WholeReport
from domain.report_generation import ReportFormat, ReportGenerationRequest, ReportName
from domain.reports import Report, ReportFile, ReportState, Slice

LATER = datetime(2030, 1, 1, tzinfo=UTC)

Line = tuple[str, int, int]
"""Product, quantity, unit price."""


def nothing(_: int) -> None:
    """Ignores progress."""


def report_of(
    name: ReportName, form: str = "pdf", period: str = "2026-03", *, zone: str = "UTC", as_of: datetime = LATER
) -> Report:
    request = ReportGenerationRequest(report=name, period=period, format=ReportFormat(form), time_zone=zone)
    return Report(id=uuid.uuid4(), request=request, state=ReportState.requested, as_of=as_of, asked_at=as_of)


def export_of(form: str = "csv", period: str = "2026-03", *, zone: str = "UTC", as_of: datetime = LATER) -> Report:
    return report_of(ReportName.orders_export, form, period, zone=zone, as_of=as_of)


class Shop:
    """The database."""

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
        total: int | None = None,
        method: str = "later",
        paid_at: datetime | None = None,
    ) -> int:
        """Place an order; returns its number."""
        self._id += 1
        run = self.connection.execute
        await run(
            "INSERT INTO customers (id, name, email, locale) VALUES ($1, $2, 'ada@example.com', 'en')",
            *(self._id, customer),
        )
        total = sum(quantity * price for _, quantity, price in lines) if total is None else total
        await run(
            "INSERT INTO orders (id, customer_id, currency, total, placed_at, paid_at, payment)"
            " VALUES ($1, $1, $2, $3, $4, $5, $6)",
            *(self._id, currency, total, at, paid_at, method),
        )
        await self.connection.executemany(
            "INSERT INTO order_items (order_id, position, name, quantity, unit_price) VALUES ($1, $2, $3, $4, $5)",
            [(self._id, position, *line) for position, line in enumerate(lines, start=1)],
        )
        return self._id

    async def pay(
        self,
        order: int,
        state: str = "captured",
        *,
        amount: int = 1000,
        currency: str = "EUR",
        refunded: int = 0,
        name: str | None = None,
        at: datetime = datetime(2026, 3, 10, 12, tzinfo=UTC),
    ) -> str:
        """Add a payment, applied at an instant; returns its id."""
        name = name or f"pay_{order}_{state}"
        await self.connection.execute(
            "INSERT INTO payments (id, order_id, state, amount, currency, refunded, version, applied_at)"
            " VALUES ($1, $2, $3, $4, $5, $6, 1, $7)",
            *(name, order, state, amount, currency, refunded, at),
        )
        return name

    async def many(
        self,
        orders: int,
        *,
        since: datetime = datetime(2026, 3, 1, tzinfo=UTC),
        every: timedelta = timedelta(seconds=7),
    ) -> None:
        """Place orders of three lines each, in four currencies, some of them paid and some refunded."""
        run = self.connection.execute
        await run("SET session_replication_role = replica")  # the check of each row takes long
        await run("INSERT INTO customers (id, name, email, locale) VALUES (1, 'Ada', 'ada@example.com', 'en')")
        await run(
            """
            INSERT INTO orders (id, customer_id, currency, total, placed_at, paid_at, payment)
            SELECT n, 1, (ARRAY['EUR', 'JPY', 'KWD', 'EUR', 'CLF'])[1 + n % 5], 6 * (n % 1000), at,
                CASE WHEN n % 3 > 0 THEN at + interval '2 minutes' END,
                CASE WHEN n % 2 = 0 THEN 'online' ELSE 'later' END
            FROM (SELECT n, $2::timestamptz + n * $3::interval AS at FROM generate_series(1, $1::bigint) n) placed
            """,
            *(orders, since, every),
        )
        await run(
            """
            INSERT INTO order_items (order_id, position, name, quantity, unit_price)
            SELECT o.id, p, 'Product ' || o.id % 23, p, o.id % 1000 FROM orders o, generate_series(1, 3) p;
            INSERT INTO payments (id, order_id, state, amount, currency, refunded, version, applied_at)
            SELECT 'pay_' || id, id, CASE WHEN id % 7 = 0 AND total > 1 THEN 'partially-refunded' ELSE 'captured' END,
                total, currency, CASE WHEN id % 7 = 0 THEN total / 2 ELSE 0 END, 1, paid_at
            FROM orders WHERE paid_at IS NOT NULL;
            ANALYZE
            """
        )

    async def spread(self, orders: int) -> None:
        """Place so many orders, less one, all over March 2026."""
        await self.many(orders - 1, every=timedelta(days=31) / orders)


class Drawn:
    """The reports, each in a line."""

    def __init__(self, reports: Mapping[ReportName, WholeReport]) -> None:
        self.reports = reports

    async def of(self, report: Report) -> Drawing:
        return await self.reports[report.request.report].draw(report)

    async def pages(self, report: Report) -> list[str]:
        """The text of each page."""
        return pages_of((await self.of(report)).content)


def pages_of(pdf: bytes) -> list[str]:
    document = pypdfium2.PdfDocument(pdf)
    try:
        return [page.get_textpage().get_text_range().replace("\r\n", "\n") for page in document]
    finally:
        document.close()


def book_of(file: bytes) -> Workbook:
    return openpyxl.load_workbook(io.BytesIO(file))


async def make(
    maker: FileMaker, report: Report, told: Callable[[int], None] = nothing
) -> tuple[ReportFile, Sequence[Slice]]:
    """Make a report's file as its job does; returns the slices, too."""
    slices = await maker.plan(report)
    for part, piece in enumerate(slices):
        await maker.write_part(report, part, piece, told)
    return await maker.publish(report, len(slices), told), slices


def table_of(file: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(file.decode("utf-8"), newline="")))
