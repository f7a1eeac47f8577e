"""On what orders and payments can disagree: for each kind how PostgreSQL finds it, and what it tells people."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from domain.payments import PAID, PaymentState


@dataclass(frozen=True)
class Kind:
    """One kind of disagreement."""

    name: str
    """In tables."""
    title: str
    meaning: str
    """What it means, and what to do."""
    condition: str
    """SQL, in terms of an order `o`, of what its payments are together, `s`, and of one of its payments, `p`."""
    of_payments: bool = True
    """Whether it is of each such payment, or of the order as a whole."""


def _states(states: Collection[PaymentState]) -> str:
    return f"({', '.join(repr(str(state)) for state in sorted(states))})"


_S = PaymentState
_HOLDING = _states(PAID)
_LIVE = _states(set(_S) - {_S.declined, _S.cancelled})
_NO_REFUND = _states(set(_S) - {_S.partially_refunded, _S.refunded, _S.disputed})

KINDS = (
    Kind(
        "money-not-noted",
        "Money came, but the order is not marked as paid",
        "Its confirmation has not gone out. Ask the provider again: start payment-reconciliation.",
        f"p.state IN {_HOLDING} AND o.paid_at IS NULL",
    ),
    Kind(
        "paid-without-money",
        "Marked as paid, but no payment of it brought money",
        "Find out who marked it, and whether it was paid in another way.",
        "o.paid_at IS NOT NULL AND s.holding = 0 AND s.returned = 0",
        of_payments=False,
    ),
    Kind(
        "paid-twice",
        "Paid by more than one payment",
        "The customer was charged more than once: refund all but one.",
        f"p.state IN {_HOLDING} AND s.holding > 1",
    ),
    Kind(
        "currency-differs",
        "The payment is in another currency than the order",
        "Compare with the provider, and refund or correct.",
        f"p.state IN {_LIVE} AND p.currency <> o.currency",
    ),
    Kind(
        "amount-differs",
        "The payment is over another amount than the order",
        "Compare with the provider, and refund, ask for the rest, or correct the order.",
        f"p.state IN {_LIVE} AND p.currency = o.currency AND p.amount <> o.total",
    ),
    Kind(
        "refund-unclear",
        "The payment's state and what was refunded of it contradict each other",
        "The row was not written by these jobs: compare with the provider.",
        "p.state = 'refunded' AND p.refunded <> p.amount"
        " OR p.state = 'partially-refunded' AND p.refunded IN (0, p.amount)"
        f" OR p.state IN {_NO_REFUND} AND p.refunded > 0",
    ),
    Kind(
        "unpaid",
        "Ordered online, and not paid",
        "Not confirmed. Most were given up by the customer; what is told of a payment is of the latest one.",
        "o.payment = 'online' AND o.total > 0 AND o.paid_at IS NULL AND s.holding = 0",
        of_payments=False,
    ),
    Kind(
        "disputed",
        "The customer's bank asks for the money back",
        "Answer the dispute at the provider before it is lost.",
        "p.state = 'disputed'",
    ),
    Kind(
        "refunded",
        "Marked as paid, and all of the money went back",
        "Nothing to do where the order was cancelled or returned.",
        "p.state = 'refunded' AND o.paid_at IS NOT NULL AND s.holding = 0",
    ),
    Kind(
        "partly-refunded",
        "A part of the money went back",
        "Nothing to do where a part of the order was returned.",
        "p.state = 'partially-refunded'",
    ),
)
"""In the order in which they are told: what has to be looked at first. An order can be of several."""


def disagreements() -> str:
    """SQL for a row of each disagreement, to follow `WITH`: `rank` is the kind's place above.

    Its parameters are the period's bounds and `as_of`: which orders count is decided by when they were placed.
    """
    found = " UNION ALL ".join(_found(rank, kind) for rank, kind in enumerate(KINDS))
    return f"""
        placed AS MATERIALIZED (
            SELECT id, placed_at, currency, total, payment, paid_at FROM orders
            WHERE placed_at >= $1 AND placed_at < $2 AND placed_at <= $3
        ),
        paying AS MATERIALIZED (
            SELECT p.* FROM placed o JOIN payments p ON p.order_id = o.id
        ),
        counted AS MATERIALIZED (
            SELECT order_id, count(*) FILTER (WHERE state IN {_HOLDING}) AS holding,
                count(*) FILTER (WHERE state = 'refunded') AS returned,
                (array_agg(id ORDER BY applied_at DESC, id DESC))[1] AS latest
            FROM paying GROUP BY order_id
        ),
        standing AS MATERIALIZED (
            SELECT o.id AS order_id, coalesce(c.holding, 0) AS holding, coalesce(c.returned, 0) AS returned, c.latest
            FROM placed o LEFT JOIN counted c ON c.order_id = o.id
        ),
        found AS MATERIALIZED ({found})
    """  # noqa: S608  # all parts stand here


def _found(rank: int, kind: Kind) -> str:
    joined = "JOIN paying p ON p.order_id = o.id" if kind.of_payments else "LEFT JOIN paying p ON p.id = s.latest"
    return f"""
        SELECT {rank} AS rank, o.id AS order_id, o.placed_at, o.payment AS method, o.currency, o.total, o.paid_at,
            p.id AS payment_id, p.state, p.currency AS payment_currency, p.amount, p.refunded
        FROM placed o JOIN standing s ON s.order_id = o.id {joined}
        WHERE {kind.condition}
    """  # noqa: S608
