"""The query of the export, in the two forms in which its parts are copied out of PostgreSQL.

Its parameters are the instants between which the orders were placed, the report's `as_of`, and the row's mark.
"""

from __future__ import annotations

from collections.abc import Callable

from adapters.reports.cells import FORMULA_STARTS, SKIPPED_BEFORE
from adapters.reports.orders_export.columns import COLUMNS, LINE, ORDER, Column, Sort, unit_of

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
