"""The columns of the export, and the query in the two forms in which its parts are copied out of PostgreSQL.

A column is of the order or of its line; those of the order are the same on all its lines. The query's parameters are
the instants between which the orders were placed, the report's `as_of`, and the row's mark.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from adapters.email.formatting import DECIMAL_PLACES
from adapters.reports.cells import FORMULA_STARTS, SKIPPED_BEFORE


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


_FORMULA = ", ".join(str(ord(sign)) for sign in sorted(FORMULA_STARTS))


def _for_people(column: Column) -> str:
    """Texts can be no formulas, and times are those of the report's time zone: ISO 8601, to the microsecond."""
    match column.sort:
        case Sort.text:
            # As `cells.safe_text` does.
            first = f"ascii(ltrim({column.sql}, '{SKIPPED_BEFORE}'))"
            return f"CASE WHEN {first} IN ({_FORMULA}) THEN '''' || {column.sql} ELSE {column.sql} END"
        case Sort.moment:
            return f"to_char({column.sql}, 'YYYY-MM-DD\"T\"HH24:MI:SS.USTZH:TZM')"
        case _:
            return column.sql


def _exact(column: Column) -> str:
    return column.sql


def _statement(form: Callable[[Column], str], *more: str) -> str:
    """One index lookup for each order; what is the order's is made once an order; no sort but that of its few lines.

    `OFFSET 0` keeps PostgreSQL from moving what is done once an order to where it would be done once a line.
    """
    of_order = ", ".join(f"{form(column)} AS {column.name}" for column in COLUMNS if column.of == ORDER)
    row = [form(column) if column.of == LINE else f"o.{column.name}" for column in COLUMNS]
    return f"""
        SELECT {", ".join([*row, *more])}
        FROM (
            SELECT s.id, s.unit, s.placed_at AS at, {of_order}
            FROM (
                SELECT orders.*, customers.name, {unit_of("orders.currency")} AS unit
                FROM orders JOIN customers ON customers.id = orders.customer_id
                WHERE orders.placed_at >= $1 AND orders.placed_at < $2
                OFFSET 0
            ) s
            LEFT JOIN LATERAL (
                SELECT sum(refunded) AS refunded, bool_and(applied_at <= $3) AS known,
                    (array_agg(state ORDER BY applied_at DESC, id DESC))[1] AS state
                FROM payments
                WHERE order_id = s.id AND currency = s.currency
            ) m ON true
            ORDER BY s.placed_at, s.id
            OFFSET 0
        ) o
        JOIN order_items i ON i.order_id = o.id
        ORDER BY o.at, o.id, i.position
    """  # noqa: S608  # all parts stand here and in columns.py


FOR_PEOPLE = _statement(_for_people, "$4::text")
EXACT = _statement(_exact)
