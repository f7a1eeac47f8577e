"""Ordinary classes behind the payment's ports."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from domain.errors import NotFound
from domain.payments import Applied, Known, Payment, PaymentState, VersionChanged
from domain.requests import JobRequest


def a_payment(
    state: PaymentState = PaymentState.captured, *, order_id: int | None = 1042, refunded: int = 0
) -> Payment:
    return Payment(id="pi_1", order_id=order_id, state=state, amount=1250, currency="GBP", refunded=refunded)


class FakeProvider:
    """Knows these payments; at each call the next of the script's errors comes first, or its call is made."""

    def __init__(self, *payments: Payment, script: list[BaseException | Callable[[], None]] | None = None) -> None:
        self.payments = {payment.id: payment for payment in payments}
        self.script = script or []
        self.calls = 0

    async def get(self, payment_id: str) -> Payment:
        self.calls += 1
        step = self.script.pop(0) if self.script else None
        if isinstance(step, BaseException):
            raise step
        if step is not None:
            step()
        if payment_id not in self.payments:
            raise NotFound("The payment provider does not know it.")
        return self.payments[payment_id]

    async def changed_since(self, moment: datetime) -> AsyncIterator[Payment]:  # noqa: ARG002  # the port's
        for payment in self.payments.values():
            yield payment


class FakePayments:
    def __init__(self, *payments: Payment) -> None:
        self.payments: dict[str, tuple[int, Payment]] = {payment.id: (1, payment) for payment in payments}

    async def known(self, payment_id: str) -> Known:
        version, payment = self.payments.get(payment_id, (0, None))
        if payment is None:
            return Known(version=0, state=None, refunded=0, order_id=None)
        return Known(version=version, state=payment.state, refunded=payment.refunded, order_id=payment.order_id)

    async def apply(self, payment: Payment, *, version: int) -> Applied:
        known, before = self.payments.get(payment.id, (0, None))
        if known != version:
            raise VersionChanged
        self.payments[payment.id] = (version + 1, payment)
        assert payment.order_id is not None
        return Applied(
            payment_id=payment.id,
            order_id=payment.order_id,
            state=payment.state,
            refunded=payment.refunded,
            changed=payment != before,
        )


class FakeTurn:
    def __init__(self) -> None:
        self.since = datetime(2026, 1, 1, tzinfo=UTC)
        self.enqueued: list[JobRequest] = []
        self.until: datetime | None = None

    async def enqueue(self, request: JobRequest) -> None:
        self.enqueued.append(request)

    async def reached(self, moment: datetime) -> None:
        self.until = moment


class FakeReconciliations:
    def __init__(self, *, under_way: bool = False) -> None:
        self.under_way = under_way
        self.turn = FakeTurn()

    @asynccontextmanager
    async def alone(self, up_to: datetime) -> AsyncIterator[FakeTurn | None]:  # noqa: ARG002  # the port's
        yield None if self.under_way else self.turn
