"""Cuts a period into slices that have about the same number of orders, by the index on when orders were placed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from adapters.reports.database import Reader
from domain.errors import InvalidRequest
from domain.report_generation import ReportFormat
from domain.reports import Report, Slice

ORDERS = 25_000
"""Of a slice, where not more slices than `MOST` come of it."""
MOST = 64
"""Slices of a report: each is a step of its job, and stands in its history."""
XLSX_ROWS = 1_048_575
"""The most that a sheet can have, below its headings."""

_INSTANT = timedelta(microseconds=1)
"""PostgreSQL's. An instant that includes another one begins so much after it."""

# Reads the index alone, in its order. Orders of one instant are never parted, since slices are told apart by instants.
_CUTS = """
    SELECT placed_at, number
    FROM (
        SELECT placed_at, row_number() OVER (ORDER BY placed_at) AS number
        FROM orders WHERE placed_at >= $1 AND placed_at < $2
    ) AS numbered
    WHERE (number - 1) % $3 = 0
    ORDER BY number
"""
_COUNT = "SELECT count(*) AS orders FROM orders WHERE placed_at >= $1 AND placed_at < $2"
# The lines of some orders tell about how many an order has.
_LINES = """
    SELECT count(*)::float8 / greatest(count(DISTINCT found.id), 1) AS lines
    FROM (SELECT id FROM orders WHERE placed_at >= $1 AND placed_at < $2 ORDER BY placed_at LIMIT 1000) AS found
    LEFT JOIN order_items ON order_id = found.id
"""
_ROWS = """
    SELECT count(*) AS rows
    FROM (
        SELECT FROM orders JOIN order_items ON order_id = id WHERE placed_at >= $1 AND placed_at < $2 LIMIT $3
    ) AS found
"""


def bounds(report: Report) -> tuple[datetime, datetime]:
    """The instants from and before which its orders were placed: its period, as far as it was over then."""
    since, until = report.request.span.bounds(report.request.time_zone)
    return since, max(since, min(until, report.as_of + _INSTANT))


async def plan(reader: Reader, report: Report, *, orders_each: int = ORDERS) -> Sequence[Slice]:
    """One slice at least. Raises InvalidRequest where the format cannot hold so many rows; a TransientError."""
    since, until = bounds(report)
    # In the report's time zone, in which parts are read: here it is noticed if the database does not know it.
    async with reader.snapshot(report.request.time_zone) as snapshot:
        if report.request.format == ReportFormat.xlsx:
            refuse_too_many((await snapshot.rows(_ROWS, since, until, XLSX_ROWS + 1))[0]["rows"])
        orders = (await snapshot.rows(_COUNT, since, until))[0]["orders"]
        lines = (await snapshot.rows(_LINES, since, until))[0]["lines"]
        cuts = await snapshot.rows(_CUTS, since, until, max(orders_each, -(-orders // MOST)))
    starts = {since: 1}
    for cut in cuts:
        # Before the first order there is nothing to be cut off, and many orders of one instant stay together.
        if cut["placed_at"] > cuts[0]["placed_at"]:
            starts.setdefault(cut["placed_at"], cut["number"])
    ends = [*list(starts)[1:], until]
    numbers = [*list(starts.values())[1:], orders + 1]
    return [
        Slice(since=start, until=end, rows=round(max(0, after - number) * lines))
        for (start, number), end, after in zip(starts.items(), ends, numbers, strict=True)
    ]


def refuse_too_many(rows: int) -> None:
    """Raises InvalidRequest for more rows than a sheet can have."""
    if rows > XLSX_ROWS:
        raise InvalidRequest(
            f"A sheet has {XLSX_ROWS:,} rows at most below its headings, and the period has more order lines: "
            "ask for csv or parquet, or for a shorter period."
        )
