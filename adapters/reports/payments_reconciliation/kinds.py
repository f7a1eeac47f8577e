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
    """SQL, in terms of an order with one of its payments, and of how many of its payments hold money or returned it."""
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
        f"state IN {_HOLDING} AND paid_at IS NULL",
    ),
    Kind(
        "paid-without-money",
        "Marked as paid, but no payment of it brought money",
        "Find out who marked it, and whether it was paid in another way.",
        "paid_at IS NOT NULL AND holding = 0 AND returned = 0",
        of_payments=False,
    ),
    Kind(
        "paid-twice",
        "Paid by more than one payment",
        "The customer was charged more than once: refund all but one.",
        f"state IN {_HOLDING} AND holding > 1",
    ),
    Kind(
        "currency-differs",
        "The payment is in another currency than the order",
        "Compare with the provider, and refund or correct.",
        f"state IN {_LIVE} AND payment_currency <> currency",
    ),
    Kind(
        "amount-differs",
        "The payment is over another amount than the order",
        "Compare with the provider, and refund, ask for the rest, or correct the order.",
        f"state IN {_LIVE} AND payment_currency = currency AND amount <> total",
    ),
    Kind(
        "refund-unclear",
        "The payment's state and what was refunded of it contradict each other",
        "The row was not written by these jobs: compare with the provider.",
        "state = 'refunded' AND refunded <> amount"
        " OR state = 'partially-refunded' AND refunded IN (0, amount)"
        f" OR state IN {_NO_REFUND} AND refunded > 0",
    ),
    Kind(
        "unpaid",
        "Ordered online, and not paid",
        "Not confirmed. Most were given up by the customer; what is told of a payment is of the latest one.",
        "method = 'online' AND total > 0 AND paid_at IS NULL AND holding = 0",
        of_payments=False,
    ),
    Kind(
        "disputed",
        "The customer's bank asks for the money back",
        "Answer the dispute at the provider before it is lost.",
        "state = 'disputed'",
    ),
    Kind(
        "refunded",
        "Marked as paid, and all of the money went back",
        "Nothing to do where the order was cancelled or returned.",
        "state = 'refunded' AND paid_at IS NOT NULL AND holding = 0",
    ),
    Kind(
        "partly-refunded",
        "A part of the money went back",
        "Nothing to do where a part of the order was returned.",
        "state = 'partially-refunded'",
    ),
)
"""In the order in which they are told: what has to be looked at first. An order can be of several."""


def disagreements() -> str:
    """SQL for a row of each disagreement, to follow `WITH`: `rank` is the kind's place above.

    Its parameters are the period's bounds and `as_of`: which orders count is decided by when they were placed.

    Orders and payments are joined once, and each pair is asked all questions: joins of what was joined before would be
    planned without knowing how many rows there are.
    """
    questions = ", ".join(f"({rank}, {_question(kind)})" for rank, kind in enumerate(KINDS))
    # Most pairs agree, and need not be asked.
    ours = "state = 'captured' AND holding = 1 AND refunded = 0 AND amount = total AND payment_currency = currency"
    agree = f"({ours} AND paid_at IS NOT NULL) OR (payment_id IS NULL AND paid_at IS NULL AND method <> 'online')"
    return f"""
        pairs AS (
            SELECT o.id AS order_id, o.placed_at, o.payment AS method, o.currency, o.total, o.paid_at,
                p.id AS payment_id, p.state, p.currency AS payment_currency, p.amount, p.refunded,
                count(*) FILTER (WHERE p.state IN {_HOLDING}) OVER of_order AS holding,
                count(*) FILTER (WHERE p.state = 'refunded') OVER of_order AS returned,
                row_number() OVER (PARTITION BY o.id ORDER BY p.applied_at DESC, p.id DESC) AS place
            FROM orders o LEFT JOIN payments p ON p.order_id = o.id
            WHERE o.placed_at >= $1 AND o.placed_at < $2 AND o.placed_at <= $3
            WINDOW of_order AS (PARTITION BY o.id)
        ),
        found AS (
            SELECT question.rank, pairs.*
            FROM pairs CROSS JOIN LATERAL (VALUES {questions}) AS question (rank, answer)
            WHERE ({agree}) IS NOT TRUE AND question.answer
        )
    """  # noqa: S608  # all parts stand here


def _question(kind: Kind) -> str:
    return f"({kind.condition})" if kind.of_payments else f"({kind.condition}) AND place = 1"
