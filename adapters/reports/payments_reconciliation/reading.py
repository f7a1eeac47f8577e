"""Reads what payments and orders disagree on, in one snapshot.

Both are taken as they stand in it: of a payment only its present state is known, and comparing that with how the order
stood some minutes earlier would invent disagreements. Only which orders count is a matter of the period and `as_of`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from adapters.reports.payments_reconciliation.kinds import KINDS, Kind, disagreements
from adapters.reports.snapshot import snapshot
from domain.reports import Report

_BATCH = 1000

_ORDERS = text("""
    SELECT count(*) FROM orders WHERE placed_at >= :since AND placed_at < :until AND placed_at <= :as_of
""")
# An order counts once in the sum of a kind, however many of its payments are of it.
_EXTENTS = text(f"""
    WITH {disagreements()}
    SELECT rank, currency, sum(rows) AS rows, sum(total) AS total
    FROM (SELECT rank, order_id, currency, total, count(*) AS rows FROM found GROUP BY 1, 2, 3, 4) of_orders
    GROUP BY 1, 2 ORDER BY 1, sum(rows) DESC, 2
""")  # noqa: S608  # all parts stand here and in kinds.py
_ROWS = text(f"WITH {disagreements()} SELECT * FROM found ORDER BY rank, placed_at, order_id, payment_id")  # noqa: S608
_FIRST_ROWS = text(f"""
    WITH {disagreements()}
    SELECT * FROM (
        SELECT *, row_number() OVER (PARTITION BY rank ORDER BY placed_at, order_id, payment_id) AS place FROM found
    ) numbered
    WHERE place <= :most ORDER BY rank, place
""")  # noqa: S608


@dataclass(frozen=True)
class Disagreement:
    """One row. What is of the payment is None where there is none."""

    kind: Kind
    order_id: int
    placed_at: datetime
    method: str
    currency: str
    total: int
    paid_at: datetime | None
    payment_id: str | None
    state: str | None
    payment_currency: str | None
    amount: int | None
    refunded: int | None


@dataclass(frozen=True)
class Extent:
    """How much there is of one kind."""

    rows: int
    totals: Mapping[str, int]
    """Sums of the orders' totals by currency."""


def rows_of(extents: Mapping[Kind, Extent]) -> int:
    """Of all kinds."""
    return sum(extent.rows for extent in extents.values())


class Reading:
    """What is in the snapshot."""

    def __init__(self, connection: AsyncConnection, bounds: dict[str, Any]) -> None:
        """See `reading`."""
        self._connection = connection
        self._bounds = bounds

    async def orders(self) -> int:
        """How many orders count."""
        return int((await self._connection.execute(_ORDERS, self._bounds)).scalar_one())

    async def extents(self) -> Mapping[Kind, Extent]:
        """How much there is of each kind of which there is any."""
        found: dict[Kind, Extent] = {}
        for row in await self._connection.execute(_EXTENTS, self._bounds):
            kind = KINDS[row.rank]
            before = found.get(kind, Extent(0, {}))
            found[kind] = Extent(before.rows + int(row.rows), {**before.totals, row.currency: int(row.total)})
        return found

    async def first_of_each(self, most: int) -> Sequence[Disagreement]:
        """The oldest of each kind, at most so many of it."""
        rows = await self._connection.execute(_FIRST_ROWS, {**self._bounds, "most": most})
        return [_disagreement(row) for row in rows]

    async def all(self) -> AsyncIterator[Sequence[Disagreement]]:
        """All of them, some at a time: by kind, and the oldest first."""
        rows = await self._connection.stream(_ROWS, self._bounds)
        async for batch in rows.partitions(_BATCH):
            yield [_disagreement(row) for row in batch]


@asynccontextmanager
async def reading(engine: AsyncEngine, report: Report) -> AsyncIterator[Reading]:
    """Read a report's disagreements in one snapshot. Raises a `TransientError`."""
    since, until = report.request.span.bounds(report.request.time_zone)
    async with snapshot(engine) as connection:
        yield Reading(connection, {"since": since, "until": until, "as_of": report.as_of})


def _disagreement(row: Any) -> Disagreement:
    return Disagreement(KINDS[row.rank], *tuple(row)[1:12])
