"""The sales summary's figures by currency, day and product, and how they are read from PostgreSQL.

Days are those of the report's time zone, as Python knows it: PostgreSQL, whose own tables may be older, is given the
instants at which they begin.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date

from adapters.reports.database import Reader
from domain.reports import Report


@dataclass(frozen=True)
class Sums:
    """Of some orders in one currency; amounts in its minor units."""

    orders: int = 0
    revenue: int = 0
    """The orders' totals, as they were placed."""
    paid: int = 0
    """Totals of those that were paid by `as_of`."""
    awaited: int = 0
    """Totals of those that are to be paid online, and were not by `as_of`."""
    refunded: int = 0
    """What had gone back of their payments when the report was read."""

    @property
    def net(self) -> int:
        """Revenue without what went back."""
        return self.revenue - self.refunded

    @property
    def amounts(self) -> tuple[int, int, int, int, int]:
        """Revenue, paid, awaited, refunded, net: in the order of all tables."""
        return self.revenue, self.paid, self.awaited, self.refunded, self.net

    def __add__(self, other: Sums) -> Sums:
        return Sums(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(Sums)))


@dataclass(frozen=True)
class Product:
    """What was sold under one name in one currency, before refunds."""

    name: str
    quantity: int
    revenue: int


@dataclass(frozen=True)
class CurrencyFigures:
    """All of one currency."""

    currency: str
    by_day: Mapping[date, Sums]
    """Days without orders are missing."""
    products: Sequence[Product]
    """Those that brought most, first."""

    @property
    def total(self) -> Sums:
        """Of all days."""
        return sum(self.by_day.values(), Sums())

    def by_month(self) -> Mapping[date, Sums]:
        """Sums by the first day of each month."""
        months: dict[date, Sums] = defaultdict(Sums)
        for day, sums in self.by_day.items():
            months[day.replace(day=1)] += sums
        return months


@dataclass(frozen=True)
class Figures:
    """The whole summary. Amounts of different currencies are never added."""

    currencies: Sequence[CurrencyFigures]
    """That with the most orders first."""

    @property
    def orders(self) -> int:
        """Of all currencies."""
        return sum(each.total.orders for each in self.currencies)


TOP = 15
"""Products of each currency that are listed."""
LONGEST_NAME = 300
"""Characters of a product's name."""

_PLACED = "o.placed_at >= $1 AND o.placed_at < $2 AND o.placed_at <= $3"
_DAY = "width_bucket(o.placed_at, $4::timestamptz[]) - 1 AS day"
"""Number of the day in the period."""

_ORDERS = f"""
    SELECT {_DAY}, o.currency, count(*) AS orders, sum(o.total) AS revenue,
        coalesce(sum(o.total) FILTER (WHERE o.paid_at <= $3), 0) AS paid,
        coalesce(sum(o.total) FILTER (
            WHERE o.payment = 'online' AND (o.paid_at IS NULL OR o.paid_at > $3)), 0) AS awaited
    FROM orders o
    WHERE {_PLACED}
    GROUP BY 1, 2
"""  # noqa: S608  # all parts stand here

# By the payment's own currency, which is the order's unless somebody wrote it past this code.
_REFUNDS = f"""
    SELECT {_DAY}, p.currency, sum(p.refunded) AS refunded
    FROM orders o JOIN payments p ON p.order_id = o.id
    WHERE {_PLACED} AND p.refunded > 0
    GROUP BY 1, 2
"""  # noqa: S608

# numeric, since no limit of the tables keeps a product of two of their numbers within 64 bits.
_PRODUCTS = f"""
    SELECT currency, left(name, $4::integer) AS name, quantity, revenue
    FROM (
        SELECT o.currency, i.name, sum(i.quantity) AS quantity, sum(i.quantity::numeric * i.unit_price) AS revenue,
            row_number() OVER (
                PARTITION BY o.currency
                ORDER BY sum(i.quantity::numeric * i.unit_price) DESC, sum(i.quantity) DESC, i.name COLLATE "C"
            ) AS place
        FROM orders o JOIN order_items i ON i.order_id = o.id
        WHERE {_PLACED}
        GROUP BY o.currency, i.name
    ) ranked
    WHERE place <= $5
    ORDER BY currency, place
"""  # noqa: S608


async def read_figures(reader: Reader, report: Report) -> Figures:
    """Read them in one snapshot. Raises a `TransientError`."""
    zone = report.request.time_zone
    period = report.request.span
    placed = (*period.bounds(zone), report.as_of)
    async with reader.snapshot() as snapshot:
        orders = await snapshot.rows(_ORDERS, *placed, period.day_starts(zone))
        refunds = await snapshot.rows(_REFUNDS, *placed, period.day_starts(zone))
        products = await snapshot.rows(_PRODUCTS, *placed, LONGEST_NAME, TOP)
    days = period.days()
    sums: dict[str, dict[date, Sums]] = defaultdict(lambda: defaultdict(Sums))
    for row in orders:
        sums[row["currency"]][days[row["day"]]] += Sums(
            orders=row["orders"], revenue=int(row["revenue"]), paid=int(row["paid"]), awaited=int(row["awaited"])
        )
    for row in refunds:
        sums[row["currency"]][days[row["day"]]] += Sums(refunded=int(row["refunded"]))
    listed: dict[str, list[Product]] = defaultdict(list)
    for row in products:
        listed[row["currency"]].append(
            Product(name=row["name"], quantity=int(row["quantity"]), revenue=int(row["revenue"]))
        )
    currencies = [
        CurrencyFigures(currency, dict(sorted(each.items())), listed[currency]) for currency, each in sums.items()
    ]
    return Figures(sorted(currencies, key=lambda each: (-each.total.orders, each.currency)))
