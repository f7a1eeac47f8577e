"""How much there is of each kind of disagreement, counted while the rows go by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from adapters.reports.payments_reconciliation.kinds import Kind
from adapters.reports.payments_reconciliation.reading import Disagreement


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
