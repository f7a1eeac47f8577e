"""Reads what payments and orders disagree on, in one snapshot.

Both are taken as they stand in it: of a payment only its present state is known, and comparing that with how the order
stood some minutes earlier would invent disagreements. Only which orders count is a matter of the period and `as_of`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime

import asyncpg

from adapters.reports.database import Reader
from adapters.reports.payments_reconciliation.kinds import KINDS, Kind, disagreements
from domain.reports import Report

_BATCH = 1000

_ORDERS = """
    SELECT count(*) AS orders FROM orders WHERE placed_at >= $1 AND placed_at < $2 AND placed_at <= $3
"""
_ROWS = f"WITH {disagreements()} SELECT * FROM found ORDER BY rank, placed_at, order_id, payment_id"  # noqa: S608


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


@asynccontextmanager
async def reading(reader: Reader, report: Report) -> AsyncIterator[tuple[int, AsyncIterator[Sequence[Disagreement]]]]:
    """How many orders count, and all disagreements, some at a time: by kind, the oldest first; as of one moment.

    Raises a `TransientError`.
    """
    placed = (*report.request.span.bounds(report.request.time_zone), report.as_of)
    async with reader.snapshot() as snapshot:
        orders = int((await snapshot.rows(_ORDERS, *placed))[0]["orders"])
        yield orders, ([_disagreement(row) for row in rows] async for rows in snapshot.batches(_BATCH, _ROWS, *placed))


def _disagreement(row: asyncpg.Record) -> Disagreement:
    values = tuple(row.values())
    return Disagreement(KINDS[row["rank"]], *values[1:12])


@dataclass
class Extent:
    """How much there is of one kind."""

    rows: int = 0
    orders: Counter[str] = field(default_factory=Counter)
    """Orders by currency."""
    totals: Counter[str] = field(default_factory=Counter)
    """Sums of these orders' totals, by currency."""
    first: list[Disagreement] = field(default_factory=list)
    """The oldest."""


class Tally:
    """Rows are to come by kind, and those of one order together."""

    def __init__(self, *, keep: int = 0) -> None:
        """`keep`: how many rows of each kind are kept."""
        self.extents: dict[Kind, Extent] = {}
        self._keep = keep
        self._last: tuple[Kind, int] | None = None

    @property
    def rows(self) -> int:
        """Of all kinds."""
        return sum(extent.rows for extent in self.extents.values())

    def add(self, rows: Sequence[Disagreement]) -> None:
        """Count rows."""
        for row in rows:
            extent = self.extents.setdefault(row.kind, Extent())
            extent.rows += 1
            if len(extent.first) < self._keep:
                extent.first.append(row)
            # An order counts once, however many of its payments are of this kind.
            if self._last != (row.kind, row.order_id):
                self._last = row.kind, row.order_id
                extent.orders[row.currency] += 1
                extent.totals[row.currency] += row.total
