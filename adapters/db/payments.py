"""Payments of orders in PostgreSQL: what the provider said of them is applied once, in the order in which it was so."""

from __future__ import annotations

from typing import Any, NoReturn

from sqlalchemy import Text, bindparam, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from adapters.db import outbox
from adapters.db.errors import translated
from adapters.db.statements import Statements
from adapters.db.tables import orders, payments
from domain.errors import Conflict
from domain.order_confirmation import OrderConfirmationRequest
from domain.payment_notice import notice_of
from domain.payments import PAID, Applied, Known, Payment, PaymentState, VersionChanged, reachable

_KNOWN = select(payments.c.version, payments.c.state, payments.c.refunded, payments.c.order_id).where(
    payments.c.id == bindparam("payment_id", type_=Text)
)


class SqlPayments:
    """Implements `domain.payments.PaymentStore`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._statements = Statements(engine)

    async def known(self, payment_id: str) -> Known:
        """What we know of the payment by now."""
        rows = await self._statements.rows(_KNOWN, payment_id=payment_id)
        if not rows:
            return Known(version=0, state=None, refunded=0, order_id=None)
        row = rows[0]
        return Known(version=row.version, state=PaymentState(row.state), refunded=row.refunded, order_id=row.order_id)

    async def apply(self, payment: Payment, *, version: int) -> Applied:
        """Bring the order up to the payment's state, and enqueue what follows from it, in one transaction.

        Raises VersionChanged where it has another version by now; Conflict, with nothing applied, where the payment
        does not fit its order or what is known of it.
        """
        with translated():
            async with self._engine.begin() as connection:
                order = await _locked_order(connection, payment)
                known = (await connection.execute(_KNOWN.with_for_update(), {"payment_id": payment.id})).one_or_none()
                if (known.version if known else 0) != version:
                    raise VersionChanged
                before = PaymentState(known.state) if known else None
                changed = known is None or (before, known.refunded) != (payment.state, payment.refunded)
                if known is not None and known.order_id != order.id:
                    _refuse(payment, f"it was for order {known.order_id} before, and now the provider says {order.id}")
                _check_step(payment, before)
                # A new version also where nothing changed: whoever fetched before this one may hold an older state.
                await connection.execute(_keep(payment, order.id, version))
                if payment.state in PAID:
                    await _paid(connection, payment, order.id)
                if changed and (notice := notice_of(payment, version=version + 1)):
                    await connection.execute(*outbox.statement([notice]))
        return Applied(
            payment_id=payment.id, order_id=order.id, state=payment.state, refunded=payment.refunded, changed=changed
        )


async def _locked_order(connection: AsyncConnection, payment: Payment) -> Any:
    """The order, locked: payments of one order are applied one after the other. Raises Conflict."""
    if payment.order_id is None:
        _refuse(payment, "the provider does not say which order it is for")
    statement = (
        select(orders.c.id, orders.c.total, orders.c.currency)
        .where(orders.c.id == payment.order_id)
        .with_for_update(key_share=True)
    )
    order = (await connection.execute(statement)).one_or_none()
    if order is None:
        _refuse(payment, f"there is no order {payment.order_id}, which the provider says it is for")
    if (payment.amount, payment.currency) != (order.total, order.currency):
        _refuse(
            payment,
            f"it is over {payment.amount} {payment.currency}, order {order.id} over {order.total} {order.currency} "
            f"(in minor units)",
        )
    if payment.refunded > payment.amount:
        _refuse(payment, f"{payment.refunded} of its {payment.amount} were refunded, says the provider")
    return order


def _check_step(payment: Payment, before: PaymentState | None) -> None:
    """Raises Conflict where the payment cannot have come to its state from the one that we know."""
    if before is not None and payment.state not in reachable(before) and payment.state is not before:
        _refuse(payment, f"the provider says {payment.state}, which cannot follow {before}")


def _keep(payment: Payment, order_id: int, version: int) -> Any:
    values = {
        "order_id": order_id,
        "state": str(payment.state),
        "amount": payment.amount,
        "currency": payment.currency,
        "refunded": payment.refunded,
        "version": version + 1,
    }
    statement = insert(payments).values(id=payment.id, **values)
    return statement.on_conflict_do_update(index_elements=["id"], set_=values | {"applied_at": func.now()})


async def _paid(connection: AsyncConnection, payment: Payment, order_id: int) -> None:
    """Note the time where it isn't noted, and enqueue the order's confirmation with it.

    Raises Conflict where another payment has paid the order: a customer has been charged twice, which nobody would hear
    of else.
    """
    statement = (
        update(orders).where(orders.c.id == order_id, orders.c.paid_at.is_(None)).values(paid_at=func.now())
    ).returning(orders.c.id)
    if (await connection.execute(statement)).one_or_none() is not None:
        await connection.execute(*outbox.statement([OrderConfirmationRequest(order_id=order_id)]))
        return
    others = select(payments.c.id).where(
        payments.c.order_id == order_id, payments.c.id != payment.id, payments.c.state.in_([*PAID])
    )
    if (other := (await connection.execute(others.limit(1))).scalar_one_or_none()) is not None:
        _refuse(payment, f"order {order_id} is paid by {other} already: refund one of them")


def _refuse(payment: Payment, why: str) -> NoReturn:
    raise Conflict(f"Payment {payment.id} is not applied: {why}.")
