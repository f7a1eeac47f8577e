"""The columns of the export: their names, what SQL says for each, and what they are in each format.

A column is of the order or of its line; those of the order are the same on all its lines.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from adapters.email.formatting import DECIMAL_PLACES


class Sort(Enum):
    """What a column holds."""

    number = "number"
    money = "money"
    """Exact, in the currency's main unit, with as many decimal places as the currency has."""
    moment = "moment"
    text = "text"
    """That anybody may have written."""
    word = "word"
    """One of a few that are ours."""


@dataclass(frozen=True)
class Column:
    """One column: `of` the order or the line, its SQL in terms of the tables that `statement.py` joins."""

    name: str
    of: str
    sort: Sort
    sql: str
    optional: bool = False


ORDER, LINE = "order", "line"

COLUMNS = (
    Column("order_id", ORDER, Sort.number, "s.id"),
    Column("placed_at", ORDER, Sort.moment, "s.placed_at"),
    Column("customer_id", ORDER, Sort.number, "s.customer_id"),
    Column("customer_name", ORDER, Sort.text, "s.name"),
    Column("currency", ORDER, Sort.word, "s.currency"),
    Column("order_total", ORDER, Sort.money, "s.total * s.unit"),
    Column("payment_method", ORDER, Sort.word, "s.payment"),
    Column("paid_at", ORDER, Sort.moment, "CASE WHEN s.paid_at <= $3 THEN s.paid_at END", optional=True),
    Column("payment_state", ORDER, Sort.word, "CASE WHEN m.known THEN m.state END", optional=True),
    Column(
        "order_refunded",
        ORDER,
        Sort.money,
        "CASE WHEN m.known IS NOT FALSE THEN coalesce(m.refunded, 0) * s.unit END",
        optional=True,
    ),
    Column("position", LINE, Sort.number, "i.position"),
    Column("product", LINE, Sort.text, "i.name"),
    Column("quantity", LINE, Sort.number, "i.quantity"),
    Column("unit_price", LINE, Sort.money, "i.unit_price * o.unit"),
    # Not the product of two integers, which a wrong line could make larger than any.
    Column("line_total", LINE, Sort.money, "i.quantity * (i.unit_price * o.unit)"),
)

NAMES = tuple(column.name for column in COLUMNS)


def unit_of(currency: str) -> str:
    """SQL for the smallest unit as a part of the main one: numeric, so that products have its decimal places."""
    by_places: dict[int, list[str]] = {}
    for code, places in DECIMAL_PLACES.items():
        by_places.setdefault(places, []).append(f"'{code}'")
    cases = (
        f"WHEN {currency} IN ({', '.join(codes)}) THEN {10**-places:.{places}f}" for places, codes in by_places.items()
    )
    return f"CASE {' '.join(cases)} ELSE 0.01 END"
