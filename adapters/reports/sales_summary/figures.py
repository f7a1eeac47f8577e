"""What the sales summary tells, as numbers: by currency, by day, by product."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date


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
