"""A year's orders for the benchmark of reports, made by PostgreSQL itself."""

from __future__ import annotations

from datetime import UTC, datetime

import asyncpg

LINES = 4
"""Of each order."""
_CUSTOMERS = 100_000

DECEMBER = "2025-12"
"""The month of the PDF."""
DECEMBER_ORDERS = 50_000
YEAR = "2026"
JANUARY = "2026-01"
"""Has the fifth part of the year's orders."""

_MAKE_CUSTOMERS = """
    INSERT INTO customers (id, name, email, locale)
    SELECT n, 'Customer ' || n || ' Müller', 'c' || n || '@example.com', 'de_CH' FROM generate_series(1, $1::int) AS n
"""
# $2 of them, numbered from $1 on, evenly from $3 to before $4.
_MAKE_ORDERS = """
    INSERT INTO orders (id, customer_id, currency, total, placed_at, paid_at)
    SELECT id, 1 + id * 7919 % $5::int, (ARRAY['EUR', 'CHF', 'JPY', 'KWD'])[1 + id % 4], 10 * (1 + id % 5000), at,
        CASE WHEN id % 3 > 0 THEN at + interval '5 minutes' END
    FROM (
        SELECT $1::bigint + n AS id, $3::timestamptz + n * (($4::timestamptz - $3::timestamptz) / $2::bigint) AS at
        FROM generate_series(0, $2::bigint - 1) AS n
    ) AS made
"""
_MAKE_LINES = """
    INSERT INTO order_items (order_id, position, name, quantity, unit_price)
    SELECT id, position, 'Product ' || (id * position) % 5000 || ', large', position, 1 + id % 5000
    FROM orders, generate_series(1, $1::int) AS position ORDER BY id, position
"""
_MAKE_PAYMENTS = """
    INSERT INTO payments (id, order_id, state, amount, currency, refunded, version, applied_at)
    SELECT 'pay_' || id, id, CASE WHEN id % 20 = 0 THEN 'partially-refunded' ELSE 'captured' END, total, currency,
        CASE WHEN id % 20 = 0 THEN total / 2 ELSE 0 END, 1, paid_at
    FROM orders WHERE paid_at IS NOT NULL
"""


async def fill(url: str, lines: int) -> None:
    """Make a year of so many lines, and the December before it."""
    connection = await asyncpg.connect(url)
    try:
        # The check of each row would take most of the time.
        await connection.execute("SET session_replication_role = replica; SET synchronous_commit = off")
        await connection.execute(_MAKE_CUSTOMERS, _CUSTOMERS)
        december, january, february, end = (
            datetime(*month, 1, tzinfo=UTC) for month in ((2025, 12), (2026, 1), (2026, 2), (2027, 1))
        )
        number, fifth = 1, lines // LINES // 5
        for orders, since, until in (
            (DECEMBER_ORDERS, december, january),
            (fifth, january, february),
            (4 * fifth, february, end),
        ):
            await connection.execute(_MAKE_ORDERS, number, orders, since, until, _CUSTOMERS)
            number += orders
        await connection.execute(_MAKE_LINES, LINES)
        await connection.execute(_MAKE_PAYMENTS)
        await connection.execute("VACUUM ANALYZE")
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()
