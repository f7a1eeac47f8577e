"""Reads what payments and orders disagree on, in one snapshot.

Both are taken as they stand in it: of a payment only its present state is known, and comparing that with how the order
stood some minutes earlier would invent disagreements. Only which orders count is a matter of the period and `as_of`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from adapters.reports.payments_reconciliation.kinds import KINDS, Kind, disagreements
from adapters.reports.snapshot import Snapshot, Snapshots
from domain.reports import Report

_BATCH = 1000

_ORDERS = """
    SELECT count(*) AS orders FROM orders WHERE placed_at >= $1 AND placed_at < $2 AND placed_at <= $3
"""
# An order counts once in the sum of a kind, however many of its payments are of it.
_EXTENTS = f"""
    WITH {disagreements()}
    SELECT rank, currency, sum(rows) AS rows, sum(total) AS total
    FROM (SELECT rank, order_id, currency, total, count(*) AS rows FROM found GROUP BY 1, 2, 3, 4) of_orders
    GROUP BY 1, 2 ORDER BY 1, sum(rows) DESC, 2
"""  # noqa: S608  # all parts stand here and in kinds.py
_ROWS = f"WITH {disagreements()} SELECT * FROM found ORDER BY rank, placed_at, order_id, payment_id"  # noqa: S608
_FIRST_ROWS = f"""
    WITH {disagreements()}
    SELECT * FROM (
        SELECT *, row_number() OVER (PARTITION BY rank ORDER BY placed_at, order_id, payment_id) AS nth FROM found
    ) numbered
    WHERE nth <= $4 ORDER BY rank, nth
"""  # noqa: S608


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
    """What is in a snapshot. Each call raises the domain's errors."""

    def __init__(self, snapshot: Snapshot, placed: tuple[datetime, datetime, datetime]) -> None:
        """See `reading`."""
        self._snapshot = snapshot
        self._placed = placed

    async def orders(self) -> int:
        """How many orders count."""
        rows = await self._snapshot.rows(_ORDERS, *self._placed)
        return int(rows[0]["orders"])

    async def extents(self) -> Mapping[Kind, Extent]:
        """How much there is of each kind of which there is any."""
        found: dict[Kind, Extent] = {}
        for row in await self._snapshot.rows(_EXTENTS, *self._placed):
            kind = KINDS[row["rank"]]
            before = found.get(kind, Extent(0, {}))
            totals = {**before.totals, row["currency"]: int(row["total"])}
            found[kind] = Extent(before.rows + int(row["rows"]), totals)
        return found

    async def first_of_each(self, most: int) -> Sequence[Disagreement]:
        """The oldest of each kind, at most so many of it."""
        rows = await self._snapshot.rows(_FIRST_ROWS, *self._placed, most)
        return [_disagreement(row) for row in rows]

    async def all(self) -> AsyncIterator[Sequence[Disagreement]]:
        """All of them, some at a time: by kind, and the oldest first."""
        async for batch in self._snapshot.batches(_BATCH, _ROWS, *self._placed):
            yield [_disagreement(row) for row in batch]


@asynccontextmanager
async def reading(snapshots: Snapshots, report: Report) -> AsyncIterator[Reading]:
    """Read a report's disagreements in one snapshot. Raises a `TransientError`."""
    since, until = report.request.span.bounds(report.request.time_zone)
    async with snapshots.open() as snapshot:
        yield Reading(snapshot, (since, until, report.as_of))


def _disagreement(row: asyncpg.Record) -> Disagreement:
    values = tuple(row.values())
    return Disagreement(KINDS[row["rank"]], *values[1:12])
